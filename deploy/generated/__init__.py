"""What deploy/generate writes, one module for each tool."""
