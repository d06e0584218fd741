sb_unit_test(records sb_store)
target_sources(test_records PRIVATE measure_fixture.c)
sb_unit_test(planes sb_store)
sb_unit_test(file sb_store)
target_link_libraries(test_file PRIVATE PkgConfig::CRYPTO)
target_link_options(test_file PRIVATE
  -Wl,--wrap=EVP_Digest,--wrap=EVP_DigestInit_ex,--wrap=EVP_DigestUpdate,--wrap=EVP_DigestFinal_ex,--wrap=remove)
