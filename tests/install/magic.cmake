# file(1) says what a .hmn file is. Needs FILE, MAGIC, SAMPLE.
execute_process(COMMAND ${FILE} -b -m ${MAGIC} ${SAMPLE} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE failed)
if(failed OR NOT text MATCHES "^Halfmoon image data, format 0.[0-9], 75x50, 8-bit grey and alpha$")
  message(FATAL_ERROR "file says: ${text}")
endif()
execute_process(COMMAND ${FILE} -b --mime-type -m ${MAGIC} ${SAMPLE} OUTPUT_VARIABLE text
  OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT text STREQUAL "image/x-halfmoon")
  message(FATAL_ERROR "file says: ${text}")
endif()
