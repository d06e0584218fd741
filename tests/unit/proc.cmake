sb_unit_test(proc sb_proc)
target_sources(test_proc PRIVATE proc_fixture.c)
sb_unit_test(port_tail sb_proc)
