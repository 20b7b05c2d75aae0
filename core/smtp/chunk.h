// The argument of BDAT (RFC 3030 §2). Pure, linear.
//
//   bdat-cmd = "BDAT" SP chunk-size [SP "LAST"]        chunk-size = 1*DIGIT
#pragma once

#include <cstdint>
#include <string_view>

namespace essaim::smtp {

struct ChunkArgument {
  // False: nobody can say where the chunk ends and the next command begins.
  bool size_known = false;
  // True: the size is followed by nothing or LAST.
  bool well_formed = false;
  std::uint64_t size = 0;  // octets; what does not fit is the largest number there is
  bool last = false;
};

ChunkArgument parse_chunk_argument(std::string_view argument);

}  // namespace essaim::smtp
