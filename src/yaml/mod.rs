//! YAML with carets: text in, a typed value or an error with file, line and caret out.
