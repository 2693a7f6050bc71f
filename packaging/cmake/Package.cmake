# What CPack makes of the installed components; packaging/package.sh calls it.
#   DEB       headscope (everything for a processor) and, when CUDA's libraries were fetched, headscope-cuda
#   archives  one folder that runs wherever it is unpacked

set(CPACK_PACKAGE_NAME headscope)
set(CPACK_PACKAGE_VENDOR "Headscope contributors")
set(CPACK_PACKAGE_CONTACT "Headscope contributors <headscope@localhost>")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGE_FILE_NAME "headscope-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)

set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_LIST_DIR}/PackageComponents.cmake")
file(GLOB_RECURSE cudnn "${headscope_site}/nvidia/libcudnn.so*")
if(cudnn)
  set(CPACK_HEADSCOPE_HAS_CUDA ON)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_HEADSCOPE_PACKAGE_NAME headscope)
set(CPACK_COMPONENT_HEADSCOPE_DESCRIPTION
"A window and a command line that show, live, which attention heads of a
language model look at the relevant part of a long prompt, let you change
that, and show what the model then says. It brings its own small model and
libtorch for processors; headscope-cuda adds what an NVIDIA GPU needs.")
set(CPACK_DEBIAN_HEADSCOPE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS
    "${PROJECT_BINARY_DIR}" "${LIBTORCH_ROOT}/lib" "${headscope_site}/nvidia/cu13/lib")
# What GLFW and libepoxy open at run time.
set(CPACK_DEBIAN_HEADSCOPE_PACKAGE_DEPENDS
    "libgl1, libx11-6, libxcursor1, libxext6, libxi6, libxinerama1, libxrandr2")
set(CPACK_DEBIAN_HEADSCOPE_PACKAGE_RECOMMENDS
    "fonts-dejavu-core, libegl1, libgl1-mesa-dri, xdg-utils, zenity | kdialog, wl-clipboard | xclip")
set(CPACK_DEBIAN_HEADSCOPE_PACKAGE_SUGGESTS "headscope-cuda, fonts-noto-cjk")

set(CPACK_DEBIAN_CUDA_PACKAGE_NAME headscope-cuda)
set(CPACK_DEBIAN_CUDA_PACKAGE_SECTION non-free/science)
set(CPACK_COMPONENT_CUDA_DESCRIPTION
"What headscope needs for NVIDIA GPUs: libtorch's CUDA half and the
libraries of NVIDIA that it loads, under NVIDIA's licences. The driver
(libcuda.so.1) is the machine's own.")
set(CPACK_DEBIAN_CUDA_PACKAGE_DEPENDS "headscope (= ${PROJECT_VERSION})")

include(CPack)
