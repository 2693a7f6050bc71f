# Dear ImGui (docking), ImPlot and GLFW from one source package, as two libraries:
#   imgui          what the window ships
#   imgui_testing  the same with the test engine's hooks, the test engine and the null back end; never shipped

locked_version(imgui-bundle headscope_bundle_version)
set(bundle "${HEADSCOPE_DEPS}/imgui-bundle-${headscope_bundle_version}/external")
if(NOT EXISTS "${bundle}/imgui/imgui/imgui.h")
  message(FATAL_ERROR "Dear ImGui is not in ${bundle}: run 'bash packaging/fetch_dependencies.sh'")
endif()

set(GLFW_BUILD_DOCS OFF CACHE INTERNAL "")
set(GLFW_BUILD_EXAMPLES OFF CACHE INTERNAL "")
set(GLFW_BUILD_TESTS OFF CACHE INTERNAL "")
set(GLFW_INSTALL OFF CACHE INTERNAL "")
set(GLFW_LIBRARY_TYPE STATIC CACHE INTERNAL "")
add_subdirectory("${bundle}/glfw/glfw" "${PROJECT_BINARY_DIR}/glfw" EXCLUDE_FROM_ALL)

set(imgui_sources
  ${bundle}/imgui/imgui/imgui.cpp
  ${bundle}/imgui/imgui/imgui_demo.cpp
  ${bundle}/imgui/imgui/imgui_draw.cpp
  ${bundle}/imgui/imgui/imgui_stacklayout.cpp
  ${bundle}/imgui/imgui/imgui_tables.cpp
  ${bundle}/imgui/imgui/imgui_widgets.cpp
  ${bundle}/imgui/imgui/misc/cpp/imgui_stdlib.cpp
  ${bundle}/imgui/imgui/misc/freetype/imgui_freetype.cpp
  ${bundle}/imgui/imgui/backends/imgui_impl_glfw.cpp
  ${bundle}/imgui/imgui/backends/imgui_impl_null.cpp  # frames without a display (bench --suite ui, tests)
  ${bundle}/imgui/imgui/backends/imgui_impl_opengl3.cpp
  ${bundle}/implot/implot/implot.cpp
  ${bundle}/implot/implot/implot_items.cpp)

# ImPlot's plots are templates over the type of the values: all types would compile for minutes.
set_source_files_properties(${bundle}/implot/implot/implot_items.cpp PROPERTIES
  COMPILE_DEFINITIONS "IMPLOT_CUSTOM_NUMERIC_TYPES=(float)(double)(signed int)")

function(headscope_imgui_library name)
  add_library(${name} STATIC EXCLUDE_FROM_ALL ${imgui_sources} ${ARGN})
  target_compile_options(${name} PRIVATE -w $<$<NOT:$<CONFIG:Debug>>:-O2>)
  target_compile_definitions(${name} PUBLIC
    IMGUI_ENABLE_FREETYPE IMGUI_USE_WCHAR32 IMGUI_DEFINE_MATH_OPERATORS IMGUI_DISABLE_OBSOLETE_FUNCTIONS
    IMGUI_DISABLE_DEMO_WINDOWS GLFW_INCLUDE_NONE)
  target_include_directories(${name} SYSTEM PUBLIC
    ${bundle}/imgui/imgui
    ${bundle}/imgui/imgui/backends
    ${bundle}/imgui/imgui/misc/cpp
    ${bundle}/imgui/imgui/misc/freetype
    ${bundle}/implot/implot
    ${bundle}/portable_file_dialogs/portable_file_dialogs)
  target_link_libraries(${name} PUBLIC
    glfw PkgConfig::EPOXY Freetype::Freetype Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

headscope_imgui_library(imgui)

set(engine "${bundle}/imgui_test_engine/imgui_test_engine/imgui_test_engine")
headscope_imgui_library(imgui_testing
  ${engine}/imgui_capture_tool.cpp
  ${engine}/imgui_te_context.cpp
  ${engine}/imgui_te_coroutine.cpp
  ${engine}/imgui_te_engine.cpp
  ${engine}/imgui_te_exporters.cpp
  ${engine}/imgui_te_perftool.cpp
  ${engine}/imgui_te_ui.cpp
  ${engine}/imgui_te_utils.cpp)
target_compile_definitions(imgui_testing PUBLIC
  IMGUI_ENABLE_TEST_ENGINE
  IMGUI_TEST_ENGINE_ENABLE_COROUTINE_STDTHREAD_IMPL=1
  IMGUI_TEST_ENGINE_ENABLE_IMPLOT=1)
target_include_directories(imgui_testing SYSTEM PUBLIC ${engine} ${engine}/..)
