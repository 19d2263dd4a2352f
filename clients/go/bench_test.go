package jingxi

import "testing"

// BenchmarkMaskOnline measures a message of one resource by a service on the loopback that answers at once.
func BenchmarkMaskOnline(b *testing.B) {
	f := newFake().serveMap(customerMap("name", "mobile", "email", "address"))
	address, _ := serve(b, f)
	client := connect(b, address)
	message := doc{"no": "C1", "name": "张三", "mobile": "13812348000", "email": "zhangsan@example.com", "address": "文三路1号"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Mask(b.Context(), message, customer, teller); err != nil {
			b.Fatal(err)
		}
		f.names, f.requests = nil, nil
	}
}
