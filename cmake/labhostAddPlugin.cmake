# labhost_add_plugin(NAME sources...): the target plugin_NAME (with _ for -), a library plugins/NAME.so in the build
# folder, with its description NAME.so.json beside it. `labhost --plugin-path BUILD/plugins` finds it.
function(labhost_add_plugin name)
  if(NOT name MATCHES "^[A-Za-z0-9_-]+$")
    message(FATAL_ERROR "a plugin cannot be named \"${name}\"; use letters, digits, - and _")
  endif()
  string(REPLACE "-" "_" target "plugin_${name}")
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE labhost::sdk)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND $<TARGET_FILE:labhost::labhost> plugins describe $<TARGET_FILE:${target}>
            --out $<TARGET_FILE:${target}>.json
    COMMENT "Describing plugin ${name}" VERBATIM)
endfunction()
