// SQLite's own file layer, but for the write-ahead log: what one commit adds to it goes out in one write. SQLite itself
// writes the 24 octets of each frame's header and its page one after the other, two system calls for each changed page.
//
// What is gathered is written when the frame that commits has come whole, before a sync, a read or a look at the size of
// the log, and when it does not follow what came before; errors are those of the write that SQLite was told of last, and
// it has not told anybody of the commit by then. What was not committed is dropped when the connection gives up the lock
// for writing: from then on the place in the log belongs to whoever writes next. A crash leaves what it left before: frames
// up to some point, of which those behind the last commit count for nothing.
//
// Thread-safe as the layer below; a file is used by one thread at a time.
#pragma once

namespace essaim::storage {

// Its name, for sqlite3_open_v2(); registered by the first call. After sqlite3_initialize().
const char* gathering_vfs();

}  // namespace essaim::storage
