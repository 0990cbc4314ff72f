// Nothing: loading it makes the loader ready.
