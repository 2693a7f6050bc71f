# libtorch as the Python package ships it: Libtorch::Libtorch (headers, libtorch_cpu, libc10).
#
# Nothing of CUDA is linked: libtorch_cuda.so is opened at run time where it and its libraries are. So one program
# serves machines with and without a GPU. LIBTORCH_ROOT names another build (the folder that holds include/ and lib/).

if(NOT LIBTORCH_ROOT)
  locked_version(torch torch_version)
  set(LIBTORCH_ROOT "${HEADSCOPE_DEPS}/libtorch-${torch_version}/torch")
endif()

find_path(Libtorch_INCLUDE_DIR ATen/ATen.h PATHS "${LIBTORCH_ROOT}/include" NO_DEFAULT_PATH NO_CACHE)
find_library(Libtorch_CPU_LIBRARY torch_cpu PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH NO_CACHE)
find_library(Libtorch_C10_LIBRARY c10 PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH NO_CACHE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libtorch
  REQUIRED_VARS Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY Libtorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run 'bash packaging/fetch_dependencies.sh', or name another build with -DLIBTORCH_ROOT=...")

# Its own OpenMP: with another one beside it there would be two pools of threads.
file(GLOB Libtorch_OPENMP_LIBRARY "${LIBTORCH_ROOT}/lib/libgomp*.so*")
if(NOT Libtorch_OPENMP_LIBRARY)
  find_package(OpenMP REQUIRED)
  set(Libtorch_OPENMP_LIBRARY ${OpenMP_CXX_LIBRARIES})
endif()

# The folder around torch/: its libraries look for those of CUDA in ../../nvidia.
cmake_path(GET LIBTORCH_ROOT PARENT_PATH headscope_site)

add_library(Libtorch::c10 SHARED IMPORTED)
set_target_properties(Libtorch::c10 PROPERTIES
  IMPORTED_LOCATION "${Libtorch_C10_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${Libtorch_INCLUDE_DIR};${Libtorch_INCLUDE_DIR}/torch/csrc/api/include")
add_library(Libtorch::Libtorch SHARED IMPORTED)
set_target_properties(Libtorch::Libtorch PROPERTIES
  IMPORTED_LOCATION "${Libtorch_CPU_LIBRARY}"
  # Without it at::parallel_for, a template, is a plain loop.
  INTERFACE_COMPILE_OPTIONS "-fopenmp"
  INTERFACE_LINK_LIBRARIES "Libtorch::c10;${Libtorch_OPENMP_LIBRARY};Threads::Threads;${CMAKE_DL_LIBS}")
if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
  target_link_options(Libtorch::Libtorch INTERFACE
    "LINKER:-rpath-link,${LIBTORCH_ROOT}/lib" "LINKER:-rpath-link,${headscope_site}/nvidia/cu13/lib")
endif()
