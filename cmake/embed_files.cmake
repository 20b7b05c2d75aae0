# Puts files into a C++ table: cmake -DOUTPUT=x.cc "-DFILES=page.html;style.css" -P this file.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR octets "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${hex}")
  string(REGEX REPLACE "(................................................................)" "\\1\"\n    \"" escaped "${escaped}")
  string(APPEND rows "      {\"${name}\", std::string_view(\n    \"${escaped}\", ${octets})},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made from files by cmake/embed_files.cmake.
#include \"web/files.h\"

namespace essaim::web {

const std::vector<File>& files() {
  static const std::vector<File> all = {
${rows}  };
  return all;
}

}  // namespace essaim::web
")
