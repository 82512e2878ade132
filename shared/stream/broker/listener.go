package broker

import "strings"

// Options are what an Apache Kafka is told beside its defaults.
type Options struct {
	Listeners  []Listener
	Properties []string // lines of server.properties
	Format     []string // arguments of kafka-storage format, such as --add-scram
	Java       []string // of the virtual machine
}

// Listener is a door that asks who is there.
type Listener struct {
	Name       string // capitals
	Port       int
	Protocol   string   // SSL, SASL_SSL, SASL_PLAINTEXT
	Properties []string // lines of server.properties that are this listener's alone
}

// Prefix is what the names of a listener's properties begin with.
func (l Listener) Prefix() string { return "listener.name." + strings.ToLower(l.Name) + "." }
