# Read by CPack once a generator: which components go into its packages.

if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_COMPONENTS_ALL headscope)
  if(CPACK_HEADSCOPE_HAS_CUDA)
    list(APPEND CPACK_COMPONENTS_ALL cuda)
  endif()
  set(CPACK_COMPONENTS_GROUPING IGNORE)
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
else()
  set(CPACK_COMPONENTS_ALL headscope portable)
  set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
endif()
