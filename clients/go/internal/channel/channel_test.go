package channel

import "testing"

func TestIsLocal(t *testing.T) {
	for target, local := range map[string]bool{
		"localhost:1": true, "127.0.0.1:1": true, "[::1]:1": true, "unix:/run/pdp.sock": true, "dns:///localhost:1": true,
		"127.0.0.1:1,[::1]:1": true, "ipv4:127.0.0.1:1,127.0.0.2:1": true,
		"bank:1": false, "10.0.0.1:1": false, "ipv4:127.0.0.1:1,10.0.0.1:1": false, "localhost.bank:1": false, "": false,
	} {
		if isLocal(target) != local {
			t.Errorf("isLocal(%q) is %v", target, !local)
		}
	}
}
