sb_unit_test(records sb_store)
target_sources(test_records PRIVATE measure_fixture.c)
sb_unit_test(file sb_store)
