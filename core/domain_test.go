package core

import "testing"

func TestADomainIsAHostNameOfAtLeastTwoLabelsAndNoAddress(t *testing.T) {
	for text, want := range map[string]string{
		"demo.example.com": "demo.example.com", " Demo.Example.COM. ": "demo.example.com", "4.example.com": "4.example.com", "a.xn--p1ai": "a.xn--p1ai",
		"": "", "localhost": "", "127.0.0.1": "", "1.2": "", "a.b.4": "", "::1": "", "*.example.com": "", "a..com": "", "-a.com": "", "a-.com": "", "a`.com": "", "a\nb.com": "", "a b.com": "", "a_b.com": "",
	} {
		got, err := ParseDomain(text)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}
