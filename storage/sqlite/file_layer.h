// SQLite's own file layer, with three differences.
//
// For the write-ahead log: what one commit adds to it goes out in one write. SQLite itself writes the 24 octets of each
// frame's header and its page one after the other, two system calls for each changed page.
//
// What is gathered is written when the frame that commits has come whole, before a sync, a read or a look at the size of
// the log, and when it does not follow what came before; errors are those of the write that SQLite was told of last, and
// it has not told anybody of the commit by then. What was not committed is dropped when the connection gives up the lock
// for writing: from then on the place in the log belongs to whoever writes next. A crash leaves what it left before: frames
// up to some point, of which those behind the last commit count for nothing.
//
// A checkpoint does not go on when the log has begun anew under it, which SQLite before 3.51.3 does not see.
//
// It tells of syncs that fail, and of a log whose index had to be made anew, and lets no sync happen on a log that is
// in doubt: see storage/sqlite/log_mending.h.
//
// Thread-safe as the layer below; a file is used by one thread at a time.
#pragma once

struct sqlite3;

namespace essaim::storage {

class LogMending;

// Its name, for sqlite3_open_v2(); registered by the first call. After sqlite3_initialize().
const char* file_layer();

// From now on `mending` knows of these and is asked. It outlives the connection, which was opened with file_layer() and not
// used yet.
void watch_syncs(sqlite3* connection, LogMending& mending);

}  // namespace essaim::storage
