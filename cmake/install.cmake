# An installation is relocatable: everything finds the rest from where it lies itself.
#   bin/labhost   lib/liblabhost.so   lib/labhost/plugins/*.so (each with its description)
#   include/labhost/core/{sdk,nn}     lib/cmake/labhost (the CMake package)   share/labhost/experiments
#   share/doc/labhost (README.md, docs/, ...)
include(CMakePackageConfigHelpers)

install(TARGETS labhost RUNTIME DESTINATION bin)
install(TARGETS labhost_sdk LIBRARY DESTINATION lib)
install(TARGETS labhost_datasets labhost_fetch LIBRARY DESTINATION lib/labhost)
get_property(plugins GLOBAL PROPERTY LABHOST_PLUGINS)
foreach(plugin IN LISTS plugins)
  install(TARGETS ${plugin} LIBRARY DESTINATION lib/labhost/plugins)
  install(FILES $<TARGET_FILE:${plugin}>.json DESTINATION lib/labhost/plugins)
endforeach()
foreach(part sdk nn)
  install(DIRECTORY core/${part}/ DESTINATION include/labhost/core/${part} FILES_MATCHING PATTERN "*.hpp")
endforeach()
install(DIRECTORY experiments/ DESTINATION share/labhost/experiments)
# Documentation lies as in the repository, so that the links from page to page work in both
# (tests/docs/check_links.sh): docs/, the plugins' READMEs, the published results, and what they lead to.
set(documentation share/doc/labhost)
install(FILES README.md CONTRIBUTING.md LICENSE DESTINATION ${documentation} COMPONENT documentation)
install(DIRECTORY docs DESTINATION ${documentation} COMPONENT documentation)
install(DIRECTORY plugins DESTINATION ${documentation} COMPONENT documentation FILES_MATCHING PATTERN README.md)
install(DIRECTORY results/published DESTINATION ${documentation}/results COMPONENT documentation
        FILES_MATCHING PATTERN *.md PATTERN *.svg PATTERN *.png)

write_basic_package_version_file(${PROJECT_BINARY_DIR}/labhostConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES cmake/labhostConfig.cmake cmake/labhostAddPlugin.cmake
        ${PROJECT_BINARY_DIR}/labhostConfigVersion.cmake
  DESTINATION lib/cmake/labhost)

# `cpack -G DEB` in the build folder. Libraries that are linked are found by dpkg-shlibdeps; these are called as programs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME labhost)
set(CPACK_PACKAGE_VENDOR "labhost")
set(CPACK_PACKAGE_CONTACT "the developers of labhost <labhost@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "experiments in offline multi-agent reinforcement learning")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib ${PROJECT_BINARY_DIR}/lib/labhost)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-pthread")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ffmpeg, librsvg2-bin, libosmesa6 | libegl1")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libtorch-dev, cmake, ninja-build, g++, sqlite3")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
