foreach(name records records_damage)
  sb_unit_test(${name} sb_store)
  target_sources(test_${name} PRIVATE measure_fixture.c)
endforeach()
sb_unit_test(planes sb_store)
sb_unit_test(file sb_store)
target_link_libraries(test_file PRIVATE PkgConfig::CRYPTO)
target_link_options(test_file PRIVATE
  -Wl,--wrap=EVP_Digest,--wrap=EVP_DigestInit_ex,--wrap=EVP_DigestUpdate,--wrap=EVP_DigestFinal_ex,--wrap=remove)
