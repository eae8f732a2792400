# Proves the dependency law: everything configures without LibTorch, bitstream/ and models/runtime/ build
# and pass their tests, and neither they nor the program are linked to it.
# -D PROGRAM=<halfmoon of this build>
# -D SOURCE_DIR=<project> -D WORK_DIR=...
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGV}\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()
run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${WORK_DIR} -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DHALFMOON_WITH_TORCH=OFF -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON
    -DHALFMOON_BUILD_TESTS=ON -DHALFMOON_BUILD_BENCHMARKS=OFF)
run(${CMAKE_COMMAND} --build ${WORK_DIR} --target bitstream_test runtime_test)
foreach(test bitstream_test runtime_test)
  file(GLOB_RECURSE program ${WORK_DIR}/tests/${test})
  if(NOT program)
    message(FATAL_ERROR "${test} was not built")
  endif()
  run(${program} --gtest_brief=1)
  run(readelf -d ${program})
  if(out MATCHES "torch|libc10")
    message(FATAL_ERROR "${test} is linked to LibTorch:\n${out}")
  endif()
endforeach()
run(readelf -d ${PROGRAM})
if(out MATCHES "torch|libc10")
  message(FATAL_ERROR "the program is linked to LibTorch:\n${out}")
endif()
