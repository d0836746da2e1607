"""Stand-ins for services the tests may not reach: each enforces the documented contract of the real one."""
