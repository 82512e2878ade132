// Package registrytest runs a real PostgreSQL for tests of what keeps its state
// in one. A package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(registrytest.Main(m)) }
//
// and asks for a database with Postgres.
//
// PostgreSQL refuses to run as root, and a server must not outlive the tests,
// not even killed ones. So the test program starts a copy of itself, as the
// user nobody where it is root, that runs the server until its standard input
// ends, which it does with the tests, however they end: it is in a process group of
// its own, so that what ends theirs does not end it before the server.
package registrytest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

const (
	version = "17.6.0"
	nobody  = 65534

	// servesIn tells a copy of the test program to run the server in a folder.
	servesIn = "REGISTRYTEST_POSTGRES"
	ready    = "PostgreSQL is ready on port "
)

// server is the one of this test program, started when it is first asked for.
var server struct {
	started sync.Once
	usable  bool // Main was called
	err     error
	port    int
	next    atomic.Int64 // number of the next database
	stop    func() error
}

// Serving reports whether this process is the copy that runs the server: a
// TestMain that prepares more than the server then calls Main at once.
func Serving() bool { return os.Getenv(servesIn) != "" }

// Main runs a package's tests and gives the exit status, like m.Run.
func Main(m *testing.M) int {
	if dir := os.Getenv(servesIn); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	server.usable = true
	status := m.Run()
	if server.stop != nil {
		if err := server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
			return 1
		}
	}
	return status
}

// Postgres gives the URL of an empty database of its own. The first call in a
// test program starts the server; the first on a machine also fetches it.
func Postgres(t testing.TB) (url string) {
	t.Helper()
	if !server.usable {
		t.Fatal("the package's TestMain must call registrytest.Main")
	}
	if server.started.Do(func() { server.err = start() }); server.err != nil {
		t.Fatal(server.err)
	}
	at := func(database string) string {
		return fmt.Sprintf("postgres://postgres:postgres@127.0.0.1:%d/%s?sslmode=disable", server.port, database)
	}
	db, err := sql.Open("pgx", at("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	name := fmt.Sprintf("test%d", server.next.Add(1))
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return at(name)
}

// start runs a copy of this program that serves, and waits until it is ready.
func start() error {
	dir, err := os.MkdirTemp("", "registrytest-*")
	if err != nil {
		return err
	}
	cleanUp := func(err error) error { return errors.Join(err, os.RemoveAll(dir)) }
	command, err := copySelf(dir)
	if err != nil {
		return cleanUp(err)
	}
	input, err := command.StdinPipe()
	if err != nil {
		return cleanUp(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return cleanUp(err)
	}
	if err := command.Start(); err != nil {
		return cleanUp(err)
	}
	end := func() error { return cleanUp(errors.Join(input.Close(), command.Wait())) }
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if port, ok := strings.CutPrefix(lines.Text(), ready); ok {
			server.port, err = strconv.Atoi(port)
			server.stop = end
			return err
		}
		fmt.Fprintln(&said, lines.Text())
	}
	return fmt.Errorf("PostgreSQL did not start: %w\n%s", errors.Join(end(), errors.New("it ended")), said.String())
}

// copySelf prepares a copy of this program in dir, to run as another user
// where this one is root: the folder it was built in is closed to others.
func copySelf(dir string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	from, err := os.Open(self)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	program := filepath.Join(dir, "serve")
	to, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(to, from); err != nil {
		return nil, errors.Join(err, to.Close())
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	command := exec.Command(program)
	command.Dir = dir
	command.Env = append(os.Environ(), servesIn+"="+dir, "HOME="+dir, "KAFKAML_TOOLCHAIN="+toolchain.Dir())
	command.Stderr = os.Stderr
	binaries := filepath.Join(toolchain.Dir(), "postgres")
	if err := os.MkdirAll(binaries, 0o755); err != nil {
		return nil, err
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return command, nil
	}
	command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return command, errors.Join(os.Chown(dir, nobody, nobody), os.Chown(binaries, nobody, nobody))
}

// serve runs a server, with its data in dir, until the standard input ends.
func serve(dir string) (err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	port, err := freePort()
	if err != nil {
		return err
	}
	binaries := filepath.Join(toolchain.Dir(), "postgres")
	database := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).Port(uint32(port)).Locale("C").Encoding("UTF8").
		CachePath(binaries).BinariesPath(filepath.Join(binaries, version)).
		RuntimePath(filepath.Join(dir, "run")).DataPath(filepath.Join(dir, "data")).
		StartParameters(map[string]string{"fsync": "off", "unix_socket_directories": "", "listen_addresses": "127.0.0.1"}).
		StartTimeout(time.Minute).Logger(io.Discard))
	if err := fetchOnce(binaries, database.Start); err != nil {
		return fmt.Errorf("start PostgreSQL %s: %w", version, err)
	}
	fmt.Println(ready + strconv.Itoa(port))
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, database.Stop())
}

// fetchOnce lets one program at a time fetch and unpack the server.
func fetchOnce(folder string, start func() error) error {
	f, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return start()
}

func freePort() (int, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
