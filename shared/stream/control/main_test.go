package control_test

import (
	"os"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func TestMain(m *testing.M) { os.Exit(streamtest.Main(m)) }
