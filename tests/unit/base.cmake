sb_unit_test(json sb_base)
sb_unit_test(base sb_base)
