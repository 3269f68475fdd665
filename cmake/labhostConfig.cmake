# find_package(labhost 1 REQUIRED): the targets labhost::sdk (what a plugin links) and labhost::labhost (the program),
# and labhost_add_plugin(NAME sources...).
include(CMakeFindDependencyMacro)
find_dependency(Torch)

# lib/cmake/labhost lies three folders below the prefix, wherever that has been moved to.
get_filename_component(LABHOST_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET labhost::sdk)
  add_library(labhost::sdk SHARED IMPORTED)
  set_target_properties(labhost::sdk PROPERTIES
    IMPORTED_LOCATION "${LABHOST_PREFIX}/lib/liblabhost.so"
    INTERFACE_INCLUDE_DIRECTORIES "${LABHOST_PREFIX}/include/labhost;${TORCH_INCLUDE_DIRS}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${LABHOST_PREFIX}/include/labhost;${TORCH_INCLUDE_DIRS}"
    INTERFACE_COMPILE_FEATURES cxx_std_17
    INTERFACE_LINK_LIBRARIES "${TORCH_LIBRARIES}")
  add_executable(labhost::labhost IMPORTED)
  set_target_properties(labhost::labhost PROPERTIES IMPORTED_LOCATION "${LABHOST_PREFIX}/bin/labhost")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/labhostAddPlugin.cmake")
