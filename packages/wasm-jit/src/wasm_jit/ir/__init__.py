"""The compiler's intermediate representation: values and blocks of one function, in static single assignment form."""
