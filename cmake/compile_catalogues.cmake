# Compiles gettext catalogues into a C++ table: cmake -DOUTPUT=x.cc -DMSGFMT=msgfmt "-DCATALOGUES=fr.po;de.po" -P this file.
set(rows "")
foreach(po IN LISTS CATALOGUES)
  get_filename_component(language ${po} NAME_WE)
  set(mo ${OUTPUT}.${language}.mo)
  execute_process(COMMAND ${MSGFMT} --check-format --endianness=little -o ${mo} ${po} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${po} cannot be compiled")
  endif()
  file(READ ${mo} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR octets "${digits} / 2")
  # Strings of a literal's length that every compiler takes, put together by it.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" escaped "${hex}")
  string(REGEX REPLACE "(................................................................)" "\\1\"\n    \"" escaped "${escaped}")
  string(APPEND rows "      {\"${language}\", std::string_view(\n    \"${escaped}\", ${octets})},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made from the catalogues by cmake/compile_catalogues.cmake.
#include \"lists/templates/compiled.h\"

namespace essaim::lists {

const std::vector<CompiledCatalogue>& compiled_catalogues() {
  static const std::vector<CompiledCatalogue> all = {
${rows}  };
  return all;
}

}  // namespace essaim::lists
")
