"""Everything outside: files, registry. Each store satisfies a protocol of ``ports``."""
