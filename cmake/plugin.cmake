# labhost_add_plugin(NAME sources...): a plugin library in the build's plugin folder, with its
# description NAME.so.json beside it (commands that load no plugin read that).
function(labhost_add_plugin name)
  string(REPLACE "-" "_" target "plugin_${name}")
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE labhost_sdk)
  target_precompile_headers(${target} REUSE_FROM labhost_pch)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} DEFINE_SYMBOL ""
    LIBRARY_OUTPUT_DIRECTORY ${LABHOST_PLUGIN_DIRECTORY})
  add_dependencies(${target} labhost)
  if(TARGET host)
    add_dependencies(host ${target})
  endif()
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND $<TARGET_FILE:labhost> plugins describe $<TARGET_FILE:${target}>
            --out $<TARGET_FILE:${target}>.json
    COMMENT "Describing plugin ${name}" VERBATIM)
endfunction()
