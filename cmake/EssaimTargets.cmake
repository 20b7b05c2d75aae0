# The one place for compiler flags, dependencies and the two kinds of target: a box of the layout, and its tests.

set(ESSAIM_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=")
option(ESSAIM_FUZZ "build the libFuzzer targets (clang)" OFF)
option(ESSAIM_JEMALLOC "optimised programs allocate by jemalloc" ON)

find_program(CCACHE ccache)
if(CCACHE)
  # What is precompiled counts by its contents, and has no macro of ours. What is included is known from the compiler, not by
  # another run of the preprocessor.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
                    -Woverloaded-virtual -Wimplicit-fallthrough -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  # GCC 12 reports false positives inside libstdc++'s inlined code of strings and variants at -O2.
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized
                      -Wno-free-nonheap-object)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wshadow-uncaptured-local)  # GCC's -Wshadow has it
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
else()
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(ESSAIM_SANITIZE)
  add_compile_options(-fsanitize=${ESSAIM_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ESSAIM_SANITIZE})
endif()
# essaim_sanitized(TARGET): for the libraries. Tests and the command line are not optimised, which halves the time of their
# compilation, and fuzzing need not know its way in them.
function(essaim_sanitized target)
  if(ESSAIM_SANITIZE)
    target_compile_options(${target} PRIVATE -O1)
  endif()
  if(ESSAIM_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent_core libevent_pthreads libevent)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(UNBOUND REQUIRED IMPORTED_TARGET libunbound)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
find_library(UNISTRING unistring REQUIRED)
find_library(SPF2 spf2 REQUIRED)
find_library(CRYPT crypt REQUIRED)
find_package(fmt REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)

# essaim_allocator(TARGET): what many threads allocate and free costs less with jemalloc than with the allocator of glibc.
# Debug and sanitized programs keep the latter, which their checkers know.
if(ESSAIM_JEMALLOC AND NOT ESSAIM_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
endif()
function(essaim_allocator target)
  if(TARGET PkgConfig::JEMALLOC)
    target_link_libraries(${target} PRIVATE PkgConfig::JEMALLOC)
  endif()
endfunction()

# Builds for tests take a third of the time by clang with the headers of the libraries parsed once, and what they have of code
# compiled once. Releases do without: a file that forgets to include <map> shall not build there (tests/checks/includes.py finds
# it before).
option(ESSAIM_PRECOMPILE "precompile the headers of the libraries (clang)" OFF)
# essaim_headers(KIND HEADERS...): the standard ones, what nearly all files have of core/base, and HEADERS.
function(essaim_headers kind)
  if(ESSAIM_PRECOMPILE)
    set(target ${kind}_headers)
    add_library(${target} OBJECT ${CMAKE_BINARY_DIR}/headers.cc)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstring> <deque> <filesystem>
      <fstream> <functional> <future> <iostream> <map> <memory> <mutex> <optional> <random> <ranges> <set> <span> <sstream> <string>
      <string_view> <thread> <unordered_map> <unordered_set> <utility> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>
      ${CMAKE_SOURCE_DIR}/cmake/instantiated.h ${ARGN})
    # Who compiles with them leaves out the code of what they define; it is in a library. Not with sanitizers: their tables of all
    # functions keep what gc-sections must drop, and types of objects are not known again.
    if(ESSAIM_SANITIZE)
      return()
    endif()
    target_compile_options(${target} PRIVATE -fpch-codegen)
    set(precompiled ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.pch)
    set(code ${CMAKE_CURRENT_BINARY_DIR}/${target}.code.o)
    separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_DEBUG}")
    add_custom_command(OUTPUT ${code}
      COMMAND ${CMAKE_CXX_COMPILER} ${flags} "$<FILTER:$<TARGET_PROPERTY:${target},COMPILE_OPTIONS>,EXCLUDE,^(-W|SHELL:)>" -ffunction-sections -fdata-sections -c ${precompiled} -o ${code}
      DEPENDS ${precompiled} COMMAND_EXPAND_LISTS VERBATIM)
    set_source_files_properties(${code} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    add_library(${target}_code STATIC ${code})
    set_target_properties(${target}_code PROPERTIES LINKER_LANGUAGE CXX)
    # All their inline functions are there, those that nothing calls and that call what is nowhere, too.
    target_link_options(${target}_code INTERFACE -Wl,--gc-sections)
  endif()
endfunction()
# essaim_reuse_headers(TARGET KIND): TARGET is compiled with them, and whoever links it has their code.
function(essaim_reuse_headers target kind)
  if(ESSAIM_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${kind}_headers)
    if(TARGET ${kind}_headers_code)
      target_link_libraries(${target} PUBLIC ${kind}_headers_code)
    endif()
  endif()
endfunction()
if(ESSAIM_PRECOMPILE)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # ccache
  file(WRITE ${CMAKE_BINARY_DIR}/headers.cc "// What is precompiled needs a source.\n")
  essaim_headers(standard)
  essaim_sanitized(standard_headers)
  essaim_headers(test <boost/test/unit_test.hpp>)
  target_compile_definitions(test_headers PRIVATE BOOST_TEST_DYN_LINK)
endif()

# essaim_library(NAME FILES... [LINK targets...]): one library per box of the layout.
function(essaim_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  essaim_sanitized(${name})
  essaim_reuse_headers(${name} standard)
endfunction()

# What `ctest -L unit` runs: builds with sanitizers need no more.
add_custom_target(unit_tests)

# essaim_test(NAME FILES... [LINK targets...] [BESIDE script] [ONE_THREAD]): a Boost.Test program, run by ctest under the same name,
# by the script if there is one. What has one thread is nothing for the thread sanitizer.
function(essaim_test name)
  cmake_parse_arguments(ARG "ONE_THREAD" "TIMEOUT;BESIDE" "LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(ARG_ONE_THREAD)
    list(APPEND ARG_LABELS one_thread)
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE test_support ${ARG_LINK})
  essaim_reuse_headers(${name} test)
  add_test(NAME ${name} COMMAND ${ARG_BESIDE} $<TARGET_FILE:${name}>)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("unit" IN_LIST ARG_LABELS AND NOT (ARG_ONE_THREAD AND ESSAIM_SANITIZE STREQUAL "thread"))
    add_dependencies(unit_tests ${name})
  endif()
endfunction()
