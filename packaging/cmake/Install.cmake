# cmake --install build/release --prefix DIR makes a folder that can be moved to another machine:
#   bin/headscope bin/headscope-cli lib/headscope/ share/headscope/{assets,shaders} share/applications ...
# Component "cuda" adds what an NVIDIA GPU needs, when it was fetched.

foreach(program headscope headscope-cli)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION bin)
  endif()
endforeach()
if(TARGET headscope_torch)
  install(TARGETS headscope_torch LIBRARY DESTINATION "${headscope_libdir}")
endif()
install(DIRECTORY assets shaders DESTINATION share/headscope OPTIONAL)
install(FILES LICENSE README.md DESTINATION share/doc/headscope OPTIONAL)
install(FILES packaging/headscope.desktop DESTINATION share/applications)
# Licences of what is built in or copied along.
function(install_licence file name)
  install(FILES "${file}" DESTINATION share/doc/headscope/licences RENAME "${name}")
endfunction()
install_licence("${llama_root}/LICENSE" llama.cpp.txt)
if(HEADSCOPE_WINDOW)
  install_licence("${bundle}/imgui/imgui/LICENSE.txt" imgui.txt)
  install_licence("${bundle}/implot/implot/LICENSE" implot.txt)
  install_licence("${bundle}/glfw/glfw/LICENSE.md" glfw.md)
endif()

if(HEADSCOPE_TORCH)
  file(GLOB torch_licences "${headscope_site}/torch-*.dist-info/licenses/LICENSE"
       "${headscope_site}/torch-*.dist-info/licenses/NOTICE")
  install(FILES ${torch_licences} DESTINATION share/doc/headscope/licences/libtorch)
  # The same tree as in the Python package, because its libraries look for each other in it.
  file(GLOB cpu_libraries "${LIBTORCH_ROOT}/lib/libtorch_cpu.so" "${LIBTORCH_ROOT}/lib/libc10.so"
       "${LIBTORCH_ROOT}/lib/libgomp*.so*")
  file(GLOB cuda_libraries "${LIBTORCH_ROOT}/lib/lib*cuda*.so" "${LIBTORCH_ROOT}/lib/libtorch_nvshmem.so"
       "${LIBTORCH_ROOT}/lib/libcaffe2_nvrtc.so")
  install(PROGRAMS ${cpu_libraries} DESTINATION "${headscope_libdir}/torch/lib")
  file(GLOB runtime_libraries "${headscope_site}/nvidia/cu13/lib/libcudart.so.13"
       "${headscope_site}/nvidia/cu13/lib/libcupti.so.13")
  install(PROGRAMS ${runtime_libraries} DESTINATION "${headscope_libdir}/nvidia/cu13/lib")
  install(PROGRAMS ${cuda_libraries} DESTINATION "${headscope_libdir}/torch/lib" COMPONENT cuda EXCLUDE_FROM_ALL)
  install(DIRECTORY "${headscope_site}/nvidia" DESTINATION "${headscope_libdir}" COMPONENT cuda EXCLUDE_FROM_ALL
          FILES_MATCHING PATTERN "lib*.so*")
endif()
