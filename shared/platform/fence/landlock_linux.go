package fence

import (
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	rights "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

const (
	readFile  = landlock.AccessFSSet(rights.AccessFSReadFile)
	readDir   = landlock.AccessFSSet(rights.AccessFSReadDir)
	writeFile = landlock.AccessFSSet(rights.AccessFSWriteFile | rights.AccessFSTruncate)
	// writeDir makes no links, sockets, pipes or devices, and executes nothing.
	writeDir = landlock.AccessFSSet(rights.AccessFSRemoveDir | rights.AccessFSRemoveFile | rights.AccessFSMakeDir | rights.AccessFSMakeReg | rights.AccessFSRefer)
	link     = landlock.AccessFSSet(rights.AccessFSMakeSym)
	control  = landlock.AccessFSSet(rights.AccessFSIoctlDev)
)

// versions are what each version of the interface can restrict, as far as it
// differs from the one before; the library refuses one that the kernel has not.
var versions = []struct {
	least int
	all   landlock.Config
}{{11, landlock.V11}, {10, landlock.V10}, {9, landlock.V9}, {6, landlock.V6}, {5, landlock.V5}, {4, landlock.V4}, {3, landlock.V3}}

// landlock restricts files, ports and signals as far as a version of the interface
// can.
func (f Fence) landlock(version int) error {
	for _, v := range versions {
		if version >= v.least {
			return v.all.Restrict(f.rules(v.all, v.least)...)
		}
	}
	return nil // which noteLandlock tells
}

func (f Fence) rules(all landlock.Config, version int) []landlock.Rule {
	var rules []landlock.Rule
	grant := func(file, folder landlock.AccessFSSet, paths ...string) {
		for _, path := range paths {
			allowed := file
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				allowed |= folder
			}
			rules = append(rules, landlock.PathAccess(allowed&all.HandledAccessFS, path).IgnoreIfMissing())
		}
	}
	grant(readFile, readDir, f.Read...)
	grant(readFile|writeFile, readDir|writeDir, f.Write...)
	grant(readFile|writeFile, readDir|writeDir|link, f.Scratch)
	grant(readFile|writeFile|control, readDir, f.Devices...)
	grant(0, readDir, f.List...)
	if version < 4 {
		return rules
	}
	for _, port := range sorted(f.Connect) {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	for _, port := range sorted(f.Listen) {
		rules = append(rules, landlock.BindTCP(port))
	}
	if f.Lookup {
		rules = append(rules, landlock.ConnectTCP(dns))
		if version >= 10 {
			rules = append(rules, landlock.ConnectSendUDP(dns), landlock.BindUDP(0))
		}
	}
	return rules
}

// dns is the port of name servers.
const dns = 53
