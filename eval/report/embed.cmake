# Puts the report's page together (template, style, scripts, D3 and its licence) and writes it as
# C++ source, cut where the results go in.
# cmake -D PAGE_DIR= -D LOOKS= -D D3= -D LICENCE= -D SCRIPTS="a.js b.js" -D OUTPUT= -P embed.cmake
# (without D3 both are empty)
cmake_minimum_required(VERSION 3.25)

file(READ "${PAGE_DIR}/page.html" page)
file(READ "${PAGE_DIR}/style.css" style)
file(READ "${LOOKS}" looks)

# The list `key` of looks.json as C++ initialisers, and as CSS variables --c0, --c1, ...
function(halfmoon_looks_list key)
  set(cpp "")
  set(css "")
  string(JSON count LENGTH "${looks}" ${key})
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON value GET "${looks}" ${key} ${i})
    string(APPEND cpp "\"${value}\", ")
    string(APPEND css "--c${i}: ${value}; ")
  endforeach()
  set(${key}_cpp "${cpp}" PARENT_SCOPE)
  set(${key}_css "${css}" PARENT_SCOPE)
endfunction()
foreach(key IN ITEMS light dark dashes symbols)
  halfmoon_looks_list(${key})
endforeach()
string(JSON published_light GET "${looks}" published light)
string(JSON published_dark GET "${looks}" published dark)
string(REPLACE "@LIGHT_CURVES@" "${light_css}--published: ${published_light};" style "${style}")
string(REPLACE "@DARK_CURVES@" "${dark_css}--published: ${published_dark};" style "${style}")

set(scripts "const kLooks = ${looks};\n")
separate_arguments(names UNIX_COMMAND "${SCRIPTS}")
foreach(name IN LISTS names)
  file(READ "${PAGE_DIR}/${name}" script)
  string(APPEND scripts "${script}\n")
endforeach()
set(d3 "")
set(licence "")
set(has_charts false)
if(D3)
  file(READ "${D3}" d3)
  file(READ "${LICENCE}" licence)
  set(has_charts true)
endif()
string(REPLACE "&" "&amp;" licence "${licence}")
string(REPLACE "<" "&lt;" licence "${licence}")
string(REPLACE ">" "&gt;" licence "${licence}")

# A script ends at the first such tag, whatever stands around it.
foreach(part IN ITEMS d3 scripts)
  if("${${part}}" MATCHES "</[sS][cC][rR][iI][pP][tT]")
    message(FATAL_ERROR "${part} holds an end tag of a script and cannot be put into a page")
  endif()
endforeach()

string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@LICENCE@" "${licence}" page "${page}")
# One function around all: no name of ours gets into the page's global space.
string(REPLACE "@SCRIPT@" "(() => {\n\"use strict\";\n${scripts}})();" page "${page}")
string(REPLACE "@D3@" "${d3}" page "${page}")

string(CONCAT source
           "// Made by eval/report/embed.cmake.\n#include \"eval/report/looks.h\"\n#include \"eval/report/page.h\"\n\n"
           "namespace halfmoon::eval {\n\n"
           "const std::array<const char*, 7> kCurveColours = {${light_cpp}};\n"
           "const char* const kPublishedColour = \"${published_light}\";\n"
           "const std::array<const char*, 5> kDashes = {${dashes_cpp}};\n"
           "const std::array<const char*, 7> kCurveSymbols = {${symbols_cpp}};\n\n"
           "const bool kPageHasCharts = ${has_charts};\n"
           "const std::array<std::string_view, 4> kPageParts = {\n")
foreach(mark IN ITEMS "@RESULTS@" "@EMBEDDED@" "@PICTURES@" "")
  if(mark)
    string(FIND "${page}" "${mark}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "page.html lacks ${mark}")
    endif()
    string(LENGTH "${mark}" length)
    string(SUBSTRING "${page}" 0 ${at} part)
    math(EXPR after "${at} + ${length}")
    string(SUBSTRING "${page}" ${after} -1 page)
  else()
    set(part "${page}")
  endif()
  string(APPEND source "R\"halfmoon_page(${part})halfmoon_page\",\n")
endforeach()
string(APPEND source "};\n\n}  // namespace halfmoon::eval\n")
file(WRITE "${OUTPUT}" "${source}")
