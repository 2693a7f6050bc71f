# How our own code is built: flags, modules, tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
option(BUILD_TESTING "Build the tests" ON)
if(BUILD_TESTING)
  enable_testing()
endif()

# Programs find libraries and assets relative to themselves, in the build tree as where they are installed, so that
# no machine's path is baked in. In the build tree, links lead to the real places.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
if(APPLE)
  set(headscope_origin "@loader_path")
else()
  set(headscope_origin "$ORIGIN")
endif()
set(headscope_rpath "${headscope_origin}" "${headscope_origin}/libtorch/torch/lib")
set(headscope_libdir lib/headscope)
# DT_RPATH instead of DT_RUNPATH: what a program's libraries load is looked for there, too.
function(headscope_inherited_rpath target)
  if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
    target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
  endif()
endfunction()
if(NOT MSVC)
  # What counts lines opens the sources, so there they keep their paths.
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Coverage")
    add_compile_options("-ffile-prefix-map=${PROJECT_BINARY_DIR}=build" "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=."
                        "-ffile-prefix-map=${HEADSCOPE_DEPS}=dependencies")
  endif()
  # Some libraries ask for -pthread; everywhere, so that all code can share a precompiled header.
  add_compile_options(-pthread)
endif()
foreach(folder assets shaders)
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${folder}" "${PROJECT_BINARY_DIR}/${folder}" COPY_ON_ERROR SYMBOLIC)
endforeach()
if(HEADSCOPE_TORCH)
  file(CREATE_LINK "${headscope_site}" "${PROJECT_BINARY_DIR}/libtorch" SYMBOLIC)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what precompiled headers need; the base folder lets clones share results.
  set(launcher "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

# Linked privately by everything of ours and by nothing from outside.
add_library(headscope_options INTERFACE)
if(MSVC)
  target_compile_options(headscope_options INTERFACE /W4 /utf-8)
else()
  target_compile_options(headscope_options INTERFACE -Wall -Wextra -Wpedantic)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlaps and overruns in std::string itself (GCC bugs 105651 and 105329).
  target_compile_options(headscope_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(HEADSCOPE_WERROR)
  target_compile_options(headscope_options INTERFACE -Werror)
endif()
if(HEADSCOPE_V3)
  target_compile_options(headscope_options INTERFACE -march=x86-64-v3)
endif()
if(HEADSCOPE_SANITIZE)
  # The suppression only concerns GCC's own warnings, which instrumentation confuses.
  target_compile_options(headscope_options INTERFACE
    -fsanitize=${HEADSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(headscope_options INTERFACE -fsanitize=${HEADSCOPE_SANITIZE})
endif()

set(headscope_generated "${PROJECT_BINARY_DIR}/generated")
configure_file("${PROJECT_SOURCE_DIR}/core/base/version.h.in" "${headscope_generated}/core/base/version.h" @ONLY)

# For targets that only carry something: a precompiled header, other libraries.
set(headscope_empty_source "${headscope_generated}/empty.cpp")
file(CONFIGURE OUTPUT "${headscope_empty_source}" CONTENT "// Empty: CMake wants a source.\n")

# headscope_library(TARGET [TORCH] SOURCES ... [DEPENDS ...])
# A static library. Without sources yet it becomes an interface library, so that the tree always configures.
# Without TORCH it never sees a header of libtorch.
function(headscope_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;DEPENDS")
  if(arg_TORCH AND NOT HEADSCOPE_TORCH)
    return()
  endif()
  if(NOT arg_SOURCES)
    add_library(${target} INTERFACE "${headscope_empty_source}")
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}" "${headscope_generated}")
    target_link_libraries(${target} INTERFACE ${arg_DEPENDS})
    if(arg_TORCH)
      target_link_libraries(${target} INTERFACE $<LINK_ONLY:Libtorch::Libtorch>)
    endif()
  else()
    add_library(${target} STATIC ${arg_SOURCES})
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}" "${headscope_generated}")
    target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE headscope_options)
    if(arg_TORCH)
      headscope_use_torch(${target})
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY HEADSCOPE_LIBRARIES ${target})
  if(arg_TORCH)
    set_property(GLOBAL APPEND PROPERTY HEADSCOPE_TORCH_LIBRARIES ${target})
  endif()
endfunction()

# headscope_module(NAME [TORCH] [DEPENDS ...]): core/NAME/*.cpp as headscope_NAME.
function(headscope_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/${name}/*.cpp")
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  headscope_library(headscope_${name} ${torch} SOURCES ${sources} DEPENDS ${arg_DEPENDS})
endfunction()

# Headers of libtorch cost seconds each, so all targets share one precompiled header: with it, a file that includes
# <ATen/ATen.h> compiles in 1.0 s instead of 5.4 s. <torch/torch.h> in here would cost every file 3.8 s and 1.1 GB;
# the few files that need autograd or an optimiser include just that header.
if(HEADSCOPE_TORCH)
  add_library(headscope_torch_pch STATIC "${headscope_empty_source}")
  target_link_libraries(headscope_torch_pch PRIVATE headscope_options Libtorch::Libtorch)
  target_precompile_headers(headscope_torch_pch PRIVATE <ATen/ATen.h>)
endif()

# Private: who uses such a library links libtorch but does not see its headers.
function(headscope_use_torch target)
  target_link_libraries(${target} PRIVATE Libtorch::Libtorch)
  target_precompile_headers(${target} REUSE_FROM headscope_torch_pch)
endfunction()
