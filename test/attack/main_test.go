package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	const said = `{"Action":"run","Package":"github.com/kafkaml/kafkaml/eventing/door","Test":"TestAttackForgedFact"}
{"Action":"pass","Package":"github.com/kafkaml/kafkaml/eventing/door","Test":"TestAttackForgedFact/of_a_stranger"}
{"Action":"pass","Package":"github.com/kafkaml/kafkaml/eventing/door","Test":"TestAttackForgedFact"}
{"Action":"output","Package":"github.com/kafkaml/kafkaml/eventing","Test":"TestAttackDNSRebinding","Output":"it was taken\n"}
{"Action":"fail","Package":"github.com/kafkaml/kafkaml/eventing","Test":"TestAttackDNSRebinding"}
{"Action":"fail","Package":"github.com/kafkaml/kafkaml/eventing"}
`
	all, output, err := read(strings.NewReader(said))
	if err != nil || output != "it was taken\n" {
		t.Fatal(output, err)
	}
	var table strings.Builder
	if err := write(&table, all); err == nil {
		t.Error("an open attack is no error")
	}
	const want = `| attack | held by | |
|---|---|---|
| DNS rebinding | eventing TestAttackDNSRebinding | OPEN |
| forged fact: of a stranger | eventing/door TestAttackForgedFact/of_a_stranger | held |

2 attacks, 1 held, 1 open
`
	if table.String() != want {
		t.Errorf("got\n%s\nwant\n%s", table.String(), want)
	}
}

func TestNothingTriedIsAnError(t *testing.T) {
	if err := write(new(strings.Builder), nil); err == nil {
		t.Error("no error")
	}
}
