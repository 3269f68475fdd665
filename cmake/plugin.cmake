# labhost_add_plugin(NAME sources...): a plugin library in the build's plugin folder, with its
# description NAME.so.json beside it (commands that load no plugin read that).
function(labhost_add_plugin name)
  string(REPLACE "-" "_" target "plugin_${name}")
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE labhost_sdk)
  target_precompile_headers(${target} REUSE_FROM labhost_pch)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} DEFINE_SYMBOL ""
    LIBRARY_OUTPUT_DIRECTORY ${LABHOST_PLUGIN_DIRECTORY} INSTALL_RPATH "$ORIGIN/../..")
  set_property(GLOBAL APPEND PROPERTY LABHOST_PLUGINS ${target})
  add_dependencies(${target} labhost)
  if(TARGET host)
    add_dependencies(host ${target})
  endif()
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND $<TARGET_FILE:labhost> plugins describe $<TARGET_FILE:${target}>
            --out $<TARGET_FILE:${target}>.json
    COMMENT "Describing plugin ${name}" VERBATIM)
endfunction()

# labhost_embed_text(TARGET FILE NAME): FILE's text as the constant labhost::NAME, in a header
# FOLDER/STEM_xml.hpp for FOLDER/STEM.xml, found by its path from the top.
function(labhost_embed_text target file name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  string(REPLACE "." "_" header ${file})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/${folder}/${header}.hpp @ONLY CONTENT
"// Generated from ${folder}/${file}.
#pragma once
namespace labhost {
inline constexpr const char ${name}[] = R\"text(@text@)text\";
}  // namespace labhost
")
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
