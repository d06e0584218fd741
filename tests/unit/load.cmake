foreach(name stream load)
  sb_unit_test(${name} sb_load Threads::Threads)
  target_sources(test_${name} PRIVATE http_fixture.c load_fixture.c)
endforeach()
