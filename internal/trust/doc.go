// Package trust checks which users can change the file at a path. A file is only as
// safe as the way to it: a user who can write to a directory on the way can replace the
// file that was checked by another file, or by a symbolic link.
//
// [Follow] walks a path from the root directory by descriptors, one element at a
// time, and follows a symbolic link only as long as every directory so far and
// the link itself are in trusted hands: those of root and of the user that this
// process runs as. The file is opened relative to the last descriptor, so that the file
// that was checked is the one that is opened.
//
// A directory in trusted hands belongs to one of the two and cannot be written
// to by others. A sticky directory that others can write to, such as /tmp, is as
// good as one in trusted hands for an entry that belongs to one of the two: only
// its owner can rename or remove it.
//
// That is the rule [RootAndSelf], for files that root uses. A less strict [Rule] accepts more
// users, down to all.
//
// The package does not depend on configurations or tasks, and knows users only by uid.
package trust
