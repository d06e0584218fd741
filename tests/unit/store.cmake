sb_unit_test(records sb_store)
target_sources(test_records PRIVATE measure_fixture.c)
