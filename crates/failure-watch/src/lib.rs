//! The watch: it notices the deaths that nobody reports.
