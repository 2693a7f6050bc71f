# cmake --install build/release --prefix DIR makes a folder that can be moved to another machine:
#   bin/headscope bin/headscope-cli lib/headscope/ share/headscope/assets share/applications ...
# Components:
#   headscope   all of this
#   portable    libraries of the system that another machine may lack (for the tarball)
#   cuda        what an NVIDIA GPU needs, when it was fetched
# packaging/package.sh makes packages of them. With --strip, libtorch's symbol tables (93 MB) stay behind, too.

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME headscope)

set(programs)
foreach(program headscope headscope-cli)
  if(TARGET ${program})
    list(APPEND programs ${program})
  endif()
endforeach()
if(programs)
  install(TARGETS ${programs} RUNTIME_DEPENDENCY_SET headscope_system RUNTIME DESTINATION bin)
endif()
if(TARGET headscope_torch)
  install(TARGETS headscope_torch RUNTIME_DEPENDENCY_SET headscope_system LIBRARY DESTINATION "${headscope_libdir}")
endif()
# The gallery and the screenshot are for readers of the repository; shaders are compiled in.
install(DIRECTORY assets DESTINATION share/headscope OPTIONAL
        PATTERN gallery EXCLUDE PATTERN screenshot.png EXCLUDE)
install(FILES packaging/desktop/headscope.desktop DESTINATION share/applications)
install(FILES packaging/desktop/headscope-mime.xml DESTINATION share/mime/packages RENAME headscope.xml)
install(FILES packaging/desktop/headscope.svg DESTINATION share/icons/hicolor/scalable/apps)

# Man pages, the icon as PNG and the like: made by the target package_files from the programs as they are.
set(package_files "${PROJECT_BINARY_DIR}/package_files")
add_custom_target(package_files
  COMMAND bash "${PROJECT_SOURCE_DIR}/packaging/make_package_files.sh" "${PROJECT_BINARY_DIR}" "${PROJECT_VERSION}" "${package_files}"
  DEPENDS ${programs} VERBATIM)
install(DIRECTORY "${package_files}/" DESTINATION share OPTIONAL)

# ---- licences of what is built in or copied along ----

set(licences share/doc/headscope/licences)
install(FILES LICENSE README.md DESTINATION share/doc/headscope OPTIONAL)
install(FILES packaging/copyright DESTINATION share/doc/headscope)
function(install_licence file name)
  install(FILES "${file}" DESTINATION ${licences} RENAME "${name}" ${ARGN})
endfunction()
install_licence("${llama_root}/LICENSE" llama.cpp.txt)
if(HEADSCOPE_WINDOW)
  install_licence("${bundle}/imgui/imgui/LICENSE.txt" imgui.txt)
  install_licence("${bundle}/implot/implot/LICENSE" implot.txt)
  install_licence("${bundle}/glfw/glfw/LICENSE.md" glfw.md)
endif()
# Headers that become part of the programs.
foreach(package nlohmann-json3-dev libexpected-dev libcli11-dev libboost1.74-dev)
  install_licence("/usr/share/doc/${package}/copyright" "${package}.txt" OPTIONAL)
endforeach()

# ---- libtorch ----

if(HEADSCOPE_TORCH)
  foreach(name torch nvidia_cuda_runtime nvidia_cuda_cupti)
    file(GLOB texts "${headscope_site}/${name}-*.dist-info/licenses/*")
    install(FILES ${texts} DESTINATION ${licences}/${name})
  endforeach()
  # The same tree as in the Python package, because its libraries look for each other in it.
  set(suffix "${CMAKE_SHARED_LIBRARY_SUFFIX}")
  file(GLOB cpu_libraries "${LIBTORCH_ROOT}/lib/libtorch_cpu${suffix}" "${LIBTORCH_ROOT}/lib/libc10${suffix}"
       "${LIBTORCH_ROOT}/lib/libgomp*${suffix}*" "${LIBTORCH_ROOT}/lib/libomp${suffix}")
  install(PROGRAMS ${cpu_libraries} DESTINATION "${headscope_libdir}/torch/lib")
  install(CODE "
    if(CMAKE_INSTALL_DO_STRIP)
      file(GLOB libraries \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${headscope_libdir}/torch/lib/*\")
      execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-unneeded \${libraries} COMMAND_ERROR_IS_FATAL ANY)
    endif()")
  # The build for CUDA names these two, on every machine.
  set(runtime_names libcudart.so.13 libcupti.so.13)
  list(TRANSFORM runtime_names PREPEND "${headscope_site}/nvidia/cu13/lib/" OUTPUT_VARIABLE runtime_libraries)
  install(PROGRAMS ${runtime_libraries} DESTINATION "${headscope_libdir}/nvidia/cu13/lib" OPTIONAL)

  file(GLOB cuda_libraries "${LIBTORCH_ROOT}/lib/lib*cuda*.so" "${LIBTORCH_ROOT}/lib/libtorch_nvshmem.so"
       "${LIBTORCH_ROOT}/lib/libcaffe2_nvrtc.so")
  install(PROGRAMS ${cuda_libraries} DESTINATION "${headscope_libdir}/torch/lib" COMPONENT cuda EXCLUDE_FROM_ALL)
  file(GLOB_RECURSE nvidia_libraries RELATIVE "${headscope_site}" "${headscope_site}/nvidia/lib*.so*")
  # Tools of developers, counters of their profiler, a solver over several cards, a second run-time compiler.
  list(FILTER nvidia_libraries EXCLUDE REGEX "/lib(checkpoint|nvperf_|pcsamplingutil|cusolverMg|nvrtc[^/]*\\.alt\\.)")
  foreach(library IN LISTS nvidia_libraries)
    cmake_path(GET library PARENT_PATH folder)
    cmake_path(GET library FILENAME name)
    if(NOT name IN_LIST runtime_names)
      install(PROGRAMS "${headscope_site}/${library}" DESTINATION "${headscope_libdir}/${folder}"
              COMPONENT cuda EXCLUDE_FROM_ALL)
    endif()
  endforeach()
  file(GLOB texts RELATIVE "${headscope_site}" "${headscope_site}/nvidia_*.dist-info/licenses/*")
  foreach(text IN LISTS texts)
    string(REGEX REPLACE "-[^/]*/licenses/.*$" "" name "${text}")
    install(FILES "${headscope_site}/${text}" DESTINATION share/doc/headscope-cuda/licences/${name}
            COMPONENT cuda EXCLUDE_FROM_ALL)
  endforeach()
  install(FILES packaging/copyright DESTINATION share/doc/headscope-cuda COMPONENT cuda EXCLUDE_FROM_ALL)
endif()

# ---- libraries of the system ----

# Left to the machine: the C and C++ runtimes and the graphics driver's libraries, which have to match the machine's own
# driver, and zlib, which is everywhere. The programs look into this folder first (DT_RPATH, which libraries inherit).
if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF" AND programs)
  install(RUNTIME_DEPENDENCY_SET headscope_system
          PRE_EXCLUDE_REGEXES "^(ld-linux|lib(c|m|dl|rt|pthread|resolv|util|gcc_s|stdc\\+\\+|z)\\.so)"
                              "^lib(GL|GLX|EGL|OpenGL|GLdispatch|drm|gbm)\\.so" "^lib(torch|c10|gomp|cud|cup|headscope)"
          LIBRARY DESTINATION "${headscope_libdir}/system" COMPONENT portable EXCLUDE_FROM_ALL)
  install(CODE "
    file(GLOB files RELATIVE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${headscope_libdir}/system\"
         \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${headscope_libdir}/system/*\")
    foreach(file IN LISTS files)
      execute_process(COMMAND dpkg-query --search \"*/\${file}\" OUTPUT_VARIABLE owners ERROR_QUIET)
      if(NOT owners MATCHES \"^([^:, ]+)\")
        message(FATAL_ERROR \"\${file}: no Debian package owns it, so its licence is not known\")
      endif()
      set(text \"/usr/share/doc/\${CMAKE_MATCH_1}/copyright\")
      file(INSTALL FILES \"\${text}\" TYPE FILE RENAME \"\${CMAKE_MATCH_1}.txt\" FOLLOW_SYMLINK_CHAIN
           DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${licences}/system\")
    endforeach()" COMPONENT portable EXCLUDE_FROM_ALL)
endif()
