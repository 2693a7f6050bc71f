# Two parts of llama.cpp, from the source package of llama-cpp-python, as libraries of ours:
#   llama_jinja  its Jinja engine, for chat templates
#   ggml_base    the GGUF reader and de-quantisation of ggml; no compute back end, no OpenMP
# Both are free of libtorch and are linked only where something uses them.

locked_version(llama-cpp-python headscope_llama_version)
set(llama_root "${HEADSCOPE_DEPS}/llama-cpp-python-${headscope_llama_version}/vendor/llama.cpp")
if(NOT EXISTS "${llama_root}/common/jinja/runtime.h" OR NOT EXISTS "${llama_root}/ggml/include/gguf.h")
  message(FATAL_ERROR "llama.cpp is not in ${llama_root}: run 'bash packaging/fetch_dependencies.sh'")
endif()

set(jinja "${llama_root}/common/jinja")
add_library(llama_jinja STATIC EXCLUDE_FROM_ALL
  ${jinja}/lexer.cpp ${jinja}/parser.cpp ${jinja}/runtime.cpp ${jinja}/string.cpp ${jinja}/value.cpp
  ${llama_root}/common/unicode.cpp)
target_compile_options(llama_jinja PRIVATE -w $<$<NOT:$<CONFIG:Debug>>:-O2>)
# Never common/jinja itself, whose string.h shadows that of C. The folder of ours replaces what ends the program.
target_include_directories(llama_jinja BEFORE PRIVATE "${PROJECT_SOURCE_DIR}/packaging/llama_cpp")
target_include_directories(llama_jinja SYSTEM PUBLIC "${llama_root}/common")
if(HEADSCOPE_SANITIZE)
  # Templates come from outside, so the engine is watched like our own code.
  target_compile_options(llama_jinja PRIVATE -fsanitize=${HEADSCOPE_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
endif()

set(ggml "${llama_root}/ggml/src")
file(STRINGS "${llama_root}/ggml/CMakeLists.txt" ggml_version_lines REGEX "^set\\(GGML_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]+" "" GGML_VERSION "${ggml_version_lines}")
list(JOIN GGML_VERSION "." GGML_VERSION)
set(GGML_BUILD_COMMIT "llama-cpp-python-${headscope_llama_version}")
configure_file("${ggml}/ggml-version.h.in" "${PROJECT_BINARY_DIR}/ggml/ggml-version.h" @ONLY)
# Without ggml.cpp, which would replace the program's std::terminate handler.
add_library(ggml_base STATIC EXCLUDE_FROM_ALL
  ${ggml}/ggml.c ${ggml}/ggml-alloc.c ${ggml}/ggml-backend.cpp ${ggml}/ggml-backend-meta.cpp ${ggml}/ggml-threading.cpp
  ${ggml}/ggml-quants.c ${ggml}/gguf.cpp)
target_compile_options(ggml_base PRIVATE -w -O3)
target_compile_definitions(ggml_base PRIVATE _GNU_SOURCE _XOPEN_SOURCE=600)
target_include_directories(ggml_base PRIVATE "${ggml}" "${PROJECT_BINARY_DIR}/ggml")
target_include_directories(ggml_base SYSTEM PUBLIC "${llama_root}/ggml/include")
if(HEADSCOPE_FUZZ)
  # Files come from outside, too. Not for undefined behaviour, of which its arithmetic has some that is meant.
  target_compile_options(ggml_base PRIVATE -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer)
endif()
target_link_libraries(ggml_base PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
