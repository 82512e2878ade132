module e2e/kn

go 1.26.0

tool knative.dev/client/cmd/kn

require knative.dev/client v0.38.0
