"""The operating system: atomic writes, processor cores, the memory allocator; and reading TOML files."""
