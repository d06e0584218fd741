# Freed memory that malloc keeps for its threads would count as used.
sb_unit_test(no_memory sb_bindings)
target_sources(test_no_memory PRIVATE measure_fixture.c)
target_compile_definitions(test_no_memory PRIVATE PROFILES="${PROJECT_SOURCE_DIR}/runtime/sim/profiles")
set_property(TEST unit.no_memory APPEND PROPERTY ENVIRONMENT GLIBC_TUNABLES=glibc.malloc.tcache_count=0)
