# Run at every build: writes OUTPUT with the commit and the hash of the uncommitted change, and
# leaves the file alone when nothing changed.
find_program(GIT git)
set(commit "unknown")
set(dirty "")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(rc EQUAL 0)
    set(commit ${found})
    execute_process(COMMAND ${GIT} -C ${SOURCE} diff HEAD OUTPUT_VARIABLE change ERROR_QUIET)
    if(change)
      string(SHA256 dirty "${change}")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
"#define LABHOST_GIT_COMMIT \"${commit}\"\n#define LABHOST_GIT_DIRTY \"${dirty}\"\n")
