"""What partita asks of the operating system: atomic files, processor cores, the memory allocator."""
