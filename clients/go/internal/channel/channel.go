// Package channel makes the gRPC channel to the service: TLS, retries, balancing and health checks.
package channel

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // health checks of healthCheckConfig are done by this package
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"jingxi.dev/client/fault"
	"jingxi.dev/client/internal/settings"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

type object = map[string]any

// serviceConfig has three tries on UNAVAILABLE, round robin and health checks.
//
// INVARIANT: a retry policy that names the service wrongly is ignored in silence, so the name comes from the descriptor.
func serviceConfig() string {
	text, err := json.Marshal(object{
		"loadBalancingConfig": []object{{"round_robin": object{}}},
		"healthCheckConfig":   object{"serviceName": ""},
		"methodConfig": []object{{
			"name": []object{{"service": pdpv1.DecisionService_ServiceDesc.ServiceName}},
			"retryPolicy": object{
				"maxAttempts": 3, "initialBackoff": "0.02s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
				"retryableStatusCodes": []string{"UNAVAILABLE"},
			},
		}},
		// After many failures in a row calls are no longer repeated, so that clients do not hold a struggling service down.
		"retryThrottling": object{"maxTokens": 100, "tokenRatio": 0.1},
	})
	if err != nil {
		panic(err) // of constants alone
	}
	return string(text)
}

// Dial returns the channel to the service; options of the caller win over the client's own.
func Dial(target string, s *settings.Settings) (*grpc.ClientConn, error) {
	local := isLocal(target)
	if s.TLS == nil && !s.Insecure && !local {
		return nil, fault.New(fault.Configuration, "target `%s` is not on this machine and there is no TLS; "+
			"give WithTLS, or WithInsecure to send attributes in plain text", target)
	}
	options := []grpc.DialOption{
		grpc.WithDefaultServiceConfig(serviceConfig()),
		grpc.WithDisableServiceConfig(),
		// Decisions must not wander through a web proxy that the environment happens to name.
		grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		// A node that comes back is used within 2 s; gRPC's own bound is 2 minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		// A peer that vanished without a word is noticed.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second}),
	}
	if s.TLS != nil {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(s.TLS)))
	} else {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	if s.Token != "" || s.TokenFile != "" {
		if s.TLS == nil && !local {
			return nil, fault.New(fault.Configuration,
				"a token is sent only over TLS or to this machine, not to `%s` in plain text; give WithTLS", target)
		}
		options = append(options, grpc.WithPerRPCCredentials(&bearer{fixed: s.Token, path: s.TokenFile}))
	}
	name := target
	if addresses, ok := severalAddresses(target); ok {
		own := manual.NewBuilderWithScheme("jingxi")
		own.InitialState(resolver.State{Addresses: addresses})
		options = append(options, grpc.WithResolvers(own))
		name = "jingxi:///" + hostOf(addresses[0].Addr)
	}
	connection, err := grpc.NewClient(name, append(options, s.Dial...)...)
	if err != nil {
		return nil, fault.New(fault.Configuration, "target `%s` cannot be used: %s", target, err).Because(err)
	}
	return connection, nil
}

// severalAddresses reads `10.0.0.1:7443,10.0.0.2:7443`, also with gRPC's `ipv4:` or `ipv6:` before it.
func severalAddresses(target string) ([]resolver.Address, bool) {
	rest := target
	named := false
	for _, scheme := range []string{"ipv4:", "ipv6:"} {
		if after, ok := strings.CutPrefix(rest, scheme); ok {
			rest, named = strings.TrimLeft(after, "/"), true
		}
	}
	if !named && (!strings.Contains(rest, ",") || strings.Contains(rest, "/")) {
		return nil, false
	}
	var found []resolver.Address
	for _, address := range strings.Split(rest, ",") {
		address = strings.TrimSpace(address)
		found = append(found, resolver.Address{Addr: address, ServerName: hostOf(address)})
	}
	return found, true
}

// isLocal says whether every address of a target is this machine's loopback or a Unix socket.
func isLocal(target string) bool {
	if strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "unix-abstract:") {
		return true
	}
	for _, scheme := range []string{"dns:", "ipv4:", "ipv6:", "passthrough:"} {
		if rest, ok := strings.CutPrefix(target, scheme); ok {
			target = rest[strings.LastIndex(rest, "/")+1:]
		}
	}
	for _, address := range strings.Split(target, ",") {
		host := hostOf(strings.TrimSpace(address))
		found, err := netip.ParseAddr(host)
		if host != "localhost" && (err != nil || !found.IsLoopback()) {
			return false
		}
	}
	return true
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// bearer sends a token with each call, read again from its file when that changes.
type bearer struct {
	fixed, path string

	mutex   sync.Mutex
	read    string
	changed time.Time
	size    int64
}

// GetRequestMetadata is part of credentials.PerRPCCredentials.
func (b *bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token := b.fixed
	if b.path != "" {
		found, err := b.current()
		if err != nil {
			return nil, err
		}
		token = found
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (b *bearer) current() (string, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	about, err := os.Stat(b.path)
	if err != nil {
		return "", fault.New(fault.Configuration, "token file `%s` cannot be read", b.path).Because(err)
	}
	if b.read == "" || !about.ModTime().Equal(b.changed) || about.Size() != b.size {
		text, err := os.ReadFile(b.path)
		if err != nil {
			return "", fault.New(fault.Configuration, "token file `%s` cannot be read", b.path).Because(err)
		}
		token := strings.TrimSpace(string(text))
		if token == "" || strings.ContainsAny(token, "\r\n") {
			return "", fault.New(fault.Configuration, "token file `%s` does not hold one token", b.path)
		}
		b.read, b.changed, b.size = token, about.ModTime(), about.Size()
	}
	return b.read, nil
}

// RequireTransportSecurity is part of credentials.PerRPCCredentials; Dial has checked it already.
func (b *bearer) RequireTransportSecurity() bool { return false }
