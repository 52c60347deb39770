"""Register allocation: virtual registers get real ones, for any processor."""
