// Package trust tells who can change what a path leads to. A file is only as
// safe as the way to it: whoever can write to a directory on the way can put
// another file, or a symbolic link, in the place of the one that was checked.
//
// [Follow] walks a path from the root directory by descriptors, one element at a
// time, and follows a symbolic link only as long as every directory so far and
// the link itself are in trusted hands: those of root and of the user that this
// process runs as. What it arrives at is opened relative to the last descriptor,
// so that what was checked is what is opened.
//
// A directory in trusted hands belongs to one of the two and cannot be written
// to by others. A sticky directory that others can write to, such as /tmp, is as
// good as one in trusted hands for an entry that belongs to one of the two: only
// its owner can rename or remove it.
//
// That is the rule [Nobody], of what root runs; a [Rule] that is less strict
// accepts more people, down to everybody.
//
// The package knows nothing of configurations, tasks or users other than uids.
package trust
