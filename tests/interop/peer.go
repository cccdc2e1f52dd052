// SPDX-License-Identifier: Apache-2.0

// The other side of docs/protocol.md, written from that document alone: Noise by github.com/flynn/noise, primitives by Go's libraries.
// It is the client of a real gateway core and the gateway of a real client core (interop_core), and prints TAP.
package main

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/flynn/noise"
	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/curve25519"
)

// ---- §1, §2: conventions and header ----

const (
	birthInit  = 1
	birthReply = 2
	cookieMsg  = 3
	traffic    = 4
	probe      = 5
	probeReply = 6
	request    = 7
	challenge  = 8
	ack        = 9

	frameHeartbeat  = 1
	frameConfirm    = 3
	frameBirthAck   = 4
	frameRekeyInit  = 5
	frameRekeyReply = 6
	frameBound      = 9

	suiteChaCha = 1
	suiteAES    = 2

	attached = 1
)

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
func u48(v uint64) []byte { return u64(v)[2:] }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func zeroes(n int) []byte { return make([]byte, n) }

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

func header(kind byte, epoch byte, counter uint64, locator []byte) []byte {
	return join([]byte{1<<6 | kind, epoch}, u48(counter), locator)
}

func kindOf(datagram []byte) byte {
	if len(datagram) < 16 || datagram[0]>>5 != 2 {
		return 0
	}
	return datagram[0] & 31
}

// ---- §1, §3: primitives and key derivation ----

func hash(parts ...[]byte) []byte {
	h := blake2s.Sum256(join(parts...))
	return h[:]
}

func mac(key []byte, parts ...[]byte) []byte {
	h, err := blake2s.New128(key)
	if err != nil {
		panic(err)
	}
	h.Write(join(parts...))
	return h.Sum(nil)
}

func kdf(key []byte, label string, context ...[]byte) []byte {
	h, err := blake2s.New256(key)
	if err != nil {
		panic(err)
	}
	h.Write(append([]byte{byte(len(label))}, label...))
	h.Write(join(context...))
	return h.Sum(nil)
}

func aead(suite byte, key []byte) cipher.AEAD {
	var a cipher.AEAD
	var err error
	if suite == suiteAES {
		block, e := aes.NewCipher(key)
		if e != nil {
			panic(e)
		}
		a, err = cipher.NewGCM(block)
	} else {
		a, err = chacha20poly1305.New(key)
	}
	if err != nil {
		panic(err)
	}
	return a
}

func public(private []byte) []byte {
	p, err := curve25519.X25519(private, curve25519.Basepoint)
	if err != nil {
		panic(err)
	}
	return p
}

type keypair struct{ private, public []byte }

func newKeypair() keypair {
	private := random(32)
	return keypair{private, public(private)}
}

// ---- §14: the policy snapshot, from the table of the document ----

func policyFromDocument(path, preset string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	table := regexp.MustCompile(`(?s)<!-- policy fields -->(.*?)<!-- end -->`).FindSubmatch(text)[1]
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")
	column := -1
	for i, name := range strings.Split(rows[0], "|") {
		if strings.TrimSpace(name) == preset {
			column = i
		}
	}
	out := []byte{byte(len(rows) - 2)}
	for _, row := range rows[2:] {
		v, err := strconv.ParseUint(strings.TrimSpace(strings.Split(row, "|")[column]), 10, 32)
		if err != nil {
			panic(err)
		}
		out = append(out, u32(uint32(v))...)
	}
	return out
}

// ---- §4.1: the handshake ----

func handshake(initiator bool, own keypair, peerStatic, psk, firstHeader []byte) *noise.HandshakeState {
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:           noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashBLAKE2s),
		Pattern:               noise.HandshakeIK,
		Initiator:             initiator,
		Prologue:              join([]byte("jumping-vpn/1"), firstHeader),
		PresharedKey:          psk,
		PresharedKeyPlacement: 2,
		StaticKeypair:         noise.DHKey{Private: own.private, Public: own.public},
		PeerStatic:            peerStatic,
	})
	if err != nil {
		panic(err)
	}
	return state
}

// The library keeps the keys of Split() to itself; reading them is all that is needed here.
func keyOf(state *noise.CipherState) []byte {
	k := reflect.ValueOf(state).Elem().FieldByName("k")
	out := make([]byte, k.Len())
	for i := range out {
		out[i] = byte(k.Index(i).Uint())
	}
	return out
}

func mac1(gatewayPublic, message []byte) []byte {
	return mac(hash([]byte("jv1 mac1"), gatewayPublic), message[:224])
}

func writeInit(state *noise.HandshakeState, head []byte, suites byte, cookie, gatewayPublic []byte) []byte {
	inside := cookie
	if inside == nil {
		inside = zeroes(16)
	}
	payload := join([]byte{suites}, zeroes(7), zeroes(16), inside, zeroes(72))
	body, _, _, err := state.WriteMessage(nil, payload)
	if err != nil {
		panic(err)
	}
	message := join(head, body)
	message = append(message, mac1(gatewayPublic, message)...)
	if cookie == nil {
		return append(message, zeroes(16)...)
	}
	return append(message, mac(cookie, message)...)
}

// ---- §5: keys ----

type epoch struct {
	n                       uint64
	root, control, c2g, g2c []byte
}

func newEpoch(root, sid []byte, n uint64) epoch {
	resume := kdf(root, "jv1 resume", sid, u64(n))
	return epoch{n, root, kdf(resume, "jv1 control", sid, u64(n)),
		kdf(root, "jv1 client to gateway", sid, u64(n)), kdf(root, "jv1 gateway to client", sid, u64(n))}
}

// ---- a session of this side ----

type session struct {
	isClient bool
	suite    byte
	sid      []byte
	locator  []byte
	now      epoch
	next     uint64 // counter to send under
	highest  uint64
	received uint64
}

func newSession(isClient bool, c1, c2 *noise.CipherState, h, payload []byte) *session {
	sid := payload[:16]
	root := kdf(keyOf(c1), "jv1 root", keyOf(c2), h, sid)
	return &session{isClient: isClient, suite: payload[24], sid: sid, locator: payload[16:24], now: newEpoch(root, sid, 1)}
}

func (s *session) keys() (tx, rx []byte) {
	if s.isClient {
		return s.now.c2g, s.now.g2c
	}
	return s.now.g2c, s.now.c2g
}

func (s *session) seal(text []byte) []byte {
	tx, _ := s.keys()
	head := header(traffic, byte(s.now.n), s.next, s.locator)
	nonce := join(zeroes(6), u48(s.next))
	s.next++
	return aead(s.suite, tx).Seal(head, nonce, text, head)
}

func (s *session) open(datagram []byte) ([]byte, bool) {
	_, rx := s.keys()
	if kindOf(datagram) != traffic || len(datagram) < 33 {
		return nil, false
	}
	text, err := aead(s.suite, rx).Open(nil, join(zeroes(6), datagram[2:8]), datagram[16:], datagram[:16])
	if err != nil {
		return nil, false
	}
	counter := binary.BigEndian.Uint64(join(zeroes(2), datagram[2:8]))
	if counter > s.highest {
		s.highest = counter
	}
	s.received++
	return text, true
}

func (s *session) control(kind byte, locator, body []byte) []byte {
	clear := join(header(kind, byte(s.now.n), 0, locator), random(16))
	key := kdf(s.now.control, "jv1 datagram", []byte{0, kind}, clear[16:])
	return aead(suiteChaCha, key).Seal(clear, zeroes(12), body, clear)
}

func (s *session) openControl(datagram []byte) ([]byte, bool) {
	if len(datagram) < 48 {
		return nil, false
	}
	key := kdf(s.now.control, "jv1 datagram", []byte{1, kindOf(datagram)}, datagram[16:32])
	body, err := aead(suiteChaCha, key).Open(nil, zeroes(12), datagram[32:], datagram[:32])
	return body, err == nil
}

func frame(kind byte, body []byte) []byte { return join([]byte{kind}, u16(uint16(len(body))), body) }

// The first frame of this type in a text, or nil.
func frameIn(text []byte, kind byte) []byte {
	for len(text) >= 3 && text[0] != 0 && text[0]>>4 == 0 {
		n := int(binary.BigEndian.Uint16(text[1:3]))
		if text[0] == kind {
			return text[3 : 3+n]
		}
		text = text[3+n:]
	}
	return nil
}

func (s *session) report() []byte {
	return join(u64(s.now.n), u48(s.highest), u48(s.received), zeroes(4), zeroes(16*12))
}

// ---- the core's process ----

type core struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Reader
	datagrams [][]byte
	ports     []int
	packets   [][]byte
	state     int
}

var program, document string
var seed int

func start(role string, private, peerPublic, psk []byte, fast bool) *core {
	seed++
	flag := "0"
	if fast {
		flag = "1"
	}
	c := &core{cmd: exec.Command(program, role, hex.EncodeToString(private), hex.EncodeToString(peerPublic), hex.EncodeToString(psk), flag, strconv.Itoa(seed))}
	c.cmd.Stderr = os.Stderr
	c.in, _ = c.cmd.StdinPipe()
	pipe, _ := c.cmd.StdoutPipe()
	c.out = bufio.NewReader(pipe)
	if err := c.cmd.Start(); err != nil {
		panic(err)
	}
	c.read()
	return c
}

func (c *core) stop() {
	c.in.Close()
	c.cmd.Wait()
}

func (c *core) read() {
	c.datagrams, c.ports, c.packets = nil, nil, nil
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			panic("the core's process has ended")
		}
		words := strings.Fields(line)
		switch words[0] {
		case "datagram":
			port, _ := strconv.Atoi(words[1])
			b, _ := hex.DecodeString(words[2])
			c.ports = append(c.ports, port)
			c.datagrams = append(c.datagrams, b)
		case "packet":
			b, _ := hex.DecodeString(words[1])
			c.packets = append(c.packets, b)
		case "state":
			c.state, _ = strconv.Atoi(words[1])
		case ".":
			return
		}
	}
}

func (c *core) say(line string) {
	fmt.Fprintln(c.in, line)
	c.read()
}

func (c *core) datagram(port int, b []byte) {
	c.say(fmt.Sprintf("datagram %d %s", port, hex.EncodeToString(b)))
}
func (c *core) packet(b []byte) { c.say("packet " + hex.EncodeToString(b)) }
func (c *core) run(ms int)      { c.say(fmt.Sprintf("run %d", ms)) }

// The first datagram of this type among what the last command brought, or nil.
func (c *core) find(kind byte) []byte {
	for _, d := range c.datagrams {
		if kindOf(d) == kind {
			return d
		}
	}
	return nil
}

// ---- TAP ----

var cases, failures int

func check(name string, holds bool) bool {
	cases++
	word := "ok"
	if !holds {
		failures++
		word = "not ok"
	}
	fmt.Printf("%s %d - %s\n", word, cases, name)
	return holds
}

func need(name string, holds bool) {
	if !check(name, holds) {
		fmt.Printf("1..%d\n", cases+1) // the rest cannot run
		os.Exit(1)
	}
}

// ---- an inner packet ----

func ipv4(from, to []byte, text string) []byte {
	p := join([]byte{0x45, 0}, u16(uint16(20+len(text))), zeroes(4), []byte{64, 253}, zeroes(2), from, to, []byte(text))
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
	return p
}

// ---- this side is the client ----

type client struct {
	own, gateway keypair // of the gateway only the public key is used here
	psk          []byte
	suites       byte
}

func (c client) init(cookie []byte) (*noise.HandshakeState, []byte) {
	head := header(birthInit, 0, 0x000100000000, random(8))
	state := handshake(true, c.own, c.gateway.public, c.psk, head)
	return state, writeInit(state, head, c.suites, cookie, c.gateway.public)
}

const clientPort = 40000

func asClient(policy []byte, suites byte, wanted byte) {
	name := fmt.Sprintf("client_with_suites_%d: ", suites)
	c := client{newKeypair(), newKeypair(), random(32), suites}
	g := start("gateway", c.gateway.private, c.own.public, c.psk, true)
	defer g.stop()
	state, init := c.init(nil)
	g.datagram(clientPort, init)
	reply := g.find(birthReply)
	need(name+"gateway_answers", len(reply) == 96 && bytes.Equal(reply[8:16], init[8:16]))
	payload, c1, c2, err := state.ReadMessage(nil, reply[16:])
	need(name+"message_2_opens", err == nil && len(payload) == 32)
	s := newSession(true, c1, c2, state.ChannelBinding(), payload)
	check(name+"suite_was_chosen", s.suite == wanted)
	g.datagram(clientPort, init)
	check(name+"repeated_message_1_gets_the_same_bytes", bytes.Equal(g.find(birthReply), reply))

	g.datagram(clientPort, s.seal(frame(frameConfirm, join([]byte{1}, policy))))
	text, ok := s.open(g.find(traffic))
	need(name+"answer_to_the_confirmation_opens", ok)
	birth := frameIn(text, frameBirthAck)
	need(name+"birth_is_acknowledged", birth != nil && g.state == attached)
	version := birth[:8]
	check(name+"policy_was_granted", bytes.Equal(birth[8:8+len(policy)], policy))
	at := birth[8+len(policy):]
	address, inner4, gateway4 := at[:18], at[1:5], at[37:41]
	check(name+"inner_address", address[0] == 4 && at[36] == 4)
	spares := birth[len(birth)-64:]

	up := ipv4(inner4, gateway4, "to the gateway")
	g.datagram(clientPort, s.seal(up))
	check(name+"traffic_to_the_gateway_opens", len(g.packets) == 1 && bytes.Equal(g.packets[0], up))
	down := ipv4(gateway4, inner4, "to the client")
	g.packet(down)
	text, ok = s.open(g.find(traffic))
	check(name+"traffic_to_the_client_opens", ok && bytes.Equal(text, down))
	bad := s.seal(up)
	bad[len(bad)-1] ^= 1
	g.datagram(clientPort, bad)
	check(name+"changed_traffic_is_dropped", len(g.packets) == 0 && len(g.datagrams) == 0)

	s = rekeyed(name, g, s)
	g.datagram(clientPort, s.seal(up))
	check(name+"traffic_under_the_next_epoch_opens", len(g.packets) == 1 && bytes.Equal(g.packets[0], up))
	g.packet(down)
	text, ok = s.open(g.find(traffic))
	check(name+"traffic_from_the_next_epoch_opens", ok && bytes.Equal(text, down))
	jumped(name, g, s, spares[:8], version, up)
}

// §5: an offer, its answer, and both sides under n+1.
func rekeyed(name string, g *core, s *session) *session {
	ephemeral := newKeypair()
	mine := random(16)
	offer := join(u64(s.now.n+1), u64(1), ephemeral.public, mine)
	g.datagram(clientPort, s.seal(frame(frameRekeyInit, offer)))
	text, ok := s.open(g.find(traffic))
	reply := frameIn(text, frameRekeyReply)
	need(name+"rekey_is_answered", ok && len(reply) == 64 && bytes.Equal(reply[:16], offer[:16]))
	shared, err := curve25519.X25519(ephemeral.private, reply[16:48])
	need(name+"rekey_has_a_shared_secret", err == nil)
	n := s.now.n + 1
	root := kdf(s.now.root, "jv1 rekey", shared, mine, reply[48:64], s.sid, u64(n))
	return &session{isClient: true, suite: s.suite, sid: s.sid, locator: s.locator, now: newEpoch(root, s.sid, n)}
}

// §9, §10: a probe from another port, then a request with the token that came back.
func jumped(name string, g *core, s *session, locator, version, up []byte) {
	const port = clientPort + 1
	g.datagram(port, s.control(probe, locator, join(u64(1000), zeroes(8), zeroes(56))))
	reply, ok := s.openControl(g.find(probeReply))
	need(name+"probe_is_answered", ok && len(reply) == 72 && binary.BigEndian.Uint64(reply) == 1000)
	token := reply[8:32]
	check(name+"observed_port", binary.BigEndian.Uint16(reply[34:36]) == port)
	target := join([]byte{4, 0}, u16(4433), []byte{203, 0, 113, 1}, zeroes(12))
	nonce := random(16)
	body := join(u64(2), version, nonce, token, zeroes(14), token[:8], []byte{1, 2, 1, 0}, target, u16(1452), zeroes(32), s.report())
	wrong := s.control(request, locator, body)
	for _, i := range []int{16, len(wrong) - 16, len(wrong) - 1} {
		wrong[i] ^= 1
		g.datagram(port, wrong)
		check(name+"changed_request_is_met_with_silence", len(g.datagrams) == 0)
		wrong[i] ^= 1
	}
	g.datagram(port, s.control(request, locator, body))
	answer, ok := s.openControl(g.find(ack))
	need(name+"request_is_acknowledged", ok && len(answer) == 400 && bytes.Equal(answer[8:24], nonce) && answer[34] == 1)
	s.locator = answer[80:88]
	g.datagram(port, s.seal(frame(frameBound, join(u64(2), u64(s.now.n), u48(s.next)))))
	g.datagram(port, s.seal(up))
	check(name+"traffic_on_the_other_path_opens", len(g.packets) == 1 && bytes.Equal(g.packets[0], up))
}

// Each changed byte of a first message, under a MAC1 that is right for it.
func clientAttacks() {
	c := client{newKeypair(), newKeypair(), random(32), 2}
	g := start("gateway", c.gateway.private, c.own.public, c.psk, true)
	defer g.stop()
	silent := true
	for i := 0; i < 256; i++ {
		_, init := c.init(nil)
		init[i] ^= 1
		if i < 224 {
			copy(init[224:], mac1(c.gateway.public, init))
		}
		g.run(200)
		g.datagram(clientPort, init)
		// MAC2 counts under load only.
		if (len(g.datagrams) > 0) != (i >= 240) {
			fmt.Printf("# byte %d\n", i)
			silent = false
		}
		g.run(5000) // what was answered is over
	}
	check("client_attack: changed_message_1_is_met_with_silence", silent)

	_, init := c.init(nil)
	init[230] ^= 1
	g.datagram(clientPort, init)
	check("client_attack: wrong_mac1_is_met_with_silence", len(g.datagrams) == 0)

	stranger := c
	stranger.own = newKeypair()
	_, init = stranger.init(nil)
	g.datagram(clientPort, init)
	check("client_attack: unknown_static_key_is_met_with_silence", len(g.datagrams) == 0)

	misled := c
	misled.gateway = newKeypair()
	_, init = misled.init(nil)
	copy(init[224:], mac1(c.gateway.public, init))
	g.datagram(clientPort, init)
	check("client_attack: other_gateway_key_is_met_with_silence", len(g.datagrams) == 0)

	poor := c
	poor.psk = random(32)
	state, init := poor.init(nil)
	g.datagram(clientPort, init)
	reply := g.find(birthReply)
	_, _, _, err := state.ReadMessage(nil, reply[16:])
	check("client_attack: wrong_psk_cannot_open_message_2", err != nil)

	g.run(6000)
	state, init = c.init(nil)
	g.datagram(clientPort, init)
	reply = g.find(birthReply)
	payload, c1, c2, err := state.ReadMessage(nil, reply[16:])
	need("client_attack: right_key_still_can", err == nil)
	wrong := newSession(true, c2, c1, state.ChannelBinding(), payload)
	g.datagram(clientPort, wrong.seal([]byte{frameHeartbeat}))
	check("client_attack: confirmation_under_other_keys_is_met_with_silence", len(g.datagrams) == 0 && g.state == -1)
}

// §4.2: a gateway of eight half-open places under load.
func clientWithCookie(policy []byte) {
	c := client{newKeypair(), newKeypair(), random(32), 2}
	g := start("gateway", c.gateway.private, c.own.public, c.psk, true)
	defer g.stop()
	for i := 0; i < 4; i++ {
		_, init := c.init(nil)
		g.datagram(clientPort, init)
		need("cookie: none_before_load", g.find(birthReply) != nil)
	}
	_, init := c.init(nil)
	g.datagram(clientPort, init)
	message := g.find(cookieMsg)
	need("cookie: asked_for_under_load", len(message) == 64 && bytes.Equal(message[8:16], init[8:16]))
	key := kdf(hash([]byte("jv1 cookie"), c.gateway.public), "jv1 cookie", message[16:32], init[224:240])
	cookie, err := aead(suiteChaCha, key).Open(nil, zeroes(12), message[32:], init[224:240])
	need("cookie: opens", err == nil && len(cookie) == 16)

	state, init := c.init(cookie)
	init[255] ^= 1
	g.datagram(clientPort, init)
	check("cookie: wrong_mac2_is_asked_again", g.find(birthReply) == nil && g.find(cookieMsg) != nil)
	init[255] ^= 1
	g.datagram(clientPort+1, init)
	check("cookie: from_another_port_is_asked_again", g.find(birthReply) == nil && g.find(cookieMsg) != nil)

	_, foreign := c.init(nil) // recorded elsewhere, with a MAC2 that is right here
	copy(foreign[240:], mac(cookie, foreign[:240]))
	g.datagram(clientPort, foreign)
	check("cookie: not_inside_is_met_with_silence", len(g.datagrams) == 0)

	g.datagram(clientPort, init)
	reply := g.find(birthReply)
	need("cookie: accepted", reply != nil)
	_, _, _, err = state.ReadMessage(nil, reply[16:])
	check("cookie: message_2_opens", err == nil)
}

// ---- this side is the gateway ----

type gateway struct {
	own, client keypair
	psk         []byte
}

func (w gateway) read(init []byte) (*noise.HandshakeState, []byte, error) {
	state := handshake(false, w.own, nil, w.psk, init[:16])
	payload, _, _, err := state.ReadMessage(nil, init[16:224])
	return state, payload, err
}

func (w gateway) reply(state *noise.HandshakeState, init []byte, suite byte) ([]byte, *session) {
	payload := join(random(16), random(8), []byte{suite}, zeroes(7))
	body, c1, c2, err := state.WriteMessage(nil, payload)
	if err != nil {
		panic(err)
	}
	return join(header(birthReply, 0, 0, init[8:16]), body), newSession(false, c1, c2, state.ChannelBinding(), payload)
}

const gatewayPort = 4433

func asGateway(fast bool, suite byte) {
	name := fmt.Sprintf("gateway_with_suite_%d: ", suite)
	w := gateway{newKeypair(), newKeypair(), random(32)}
	c := start("client", w.client.private, w.own.public, w.psk, fast)
	defer c.stop()
	c.run(10)
	init := c.find(birthInit)
	need(name+"client_begins", len(init) == 256)
	check(name+"mac1", hmac.Equal(mac1(w.own.public, init), init[224:240]))
	check(name+"no_mac2", bytes.Equal(init[240:], zeroes(16)))

	// A cookie first: the next message must show it twice.
	nonce := random(16)
	cookie := random(16)
	key := kdf(hash([]byte("jv1 cookie"), w.own.public), "jv1 cookie", nonce, init[224:240])
	c.datagram(gatewayPort, join(header(cookieMsg, 0, 0, init[8:16]), nonce, aead(suiteChaCha, key).Seal(nil, zeroes(12), cookie, init[224:240])))
	before := init
	for init = nil; init == nil && c.state == 0; init = c.find(birthInit) {
		c.run(1) // sooner or later within 50 ms, or at once with the next attempt
	}
	need(name+"client_takes_a_cookie", len(init) == 256 && !bytes.Equal(init[16:48], before[16:48]))
	check(name+"mac2", hmac.Equal(mac(cookie, init[:240]), init[240:]))

	state, payload, err := w.read(init)
	need(name+"message_1_opens", err == nil && len(payload) == 112)
	check(name+"identity", bytes.Equal(state.PeerStatic(), w.client.public))
	check(name+"cookie_inside", bytes.Equal(payload[24:40], cookie))
	check(name+"offer", payload[0]>>suite&1 == 1)
	reply, s := w.reply(state, init, suite)
	c.datagram(gatewayPort, reply)
	text, ok := s.open(c.find(traffic))
	confirm := frameIn(text, frameConfirm)
	need(name+"client_confirms", ok && confirm != nil && text[0] == frameConfirm)
	policy := confirm[1:]

	ip4 := func(last byte) []byte { return join([]byte{4, 10, 80, 0, last}, zeroes(12)) }
	none := zeroes(17)
	birth := join(u64(1), policy, ip4(7), []byte{24}, zeroes(18), ip4(1), none, u16(1420), u64(1),
		[]byte{0}, []byte{0}, []byte{0}, []byte{0}, zeroes(64))
	c.datagram(gatewayPort, s.seal(frame(frameBirthAck, birth)))
	need(name+"client_is_attached", c.state == attached)
	up := ipv4([]byte{10, 80, 0, 7}, []byte{10, 80, 0, 1}, "to the gateway")
	c.packet(up)
	opened := false
	for _, d := range c.datagrams {
		text, ok := s.open(d)
		opened = opened || ok && bytes.Equal(text, up)
	}
	check(name+"traffic_to_the_gateway_opens", opened)
	down := ipv4([]byte{10, 80, 0, 1}, []byte{10, 80, 0, 7}, "to the client")
	sealed := s.seal(down)
	c.datagram(gatewayPort, sealed)
	check(name+"traffic_to_the_client_opens", len(c.packets) == 1 && bytes.Equal(c.packets[0], down))
	c.datagram(gatewayPort, sealed)
	check(name+"the_same_again_is_dropped", len(c.packets) == 0)
}

func gatewayAttacks() {
	w := gateway{newKeypair(), newKeypair(), random(32)}
	c := start("client", w.client.private, w.own.public, w.psk, false)
	defer c.stop()
	c.run(10)
	init := c.find(birthInit)
	need("gateway_attack: client_begins", init != nil)

	stranger := w
	stranger.own = newKeypair()
	_, _, err := stranger.read(init)
	check("gateway_attack: another_gateway_cannot_read_message_1", err != nil)

	poor := w
	poor.psk = random(32)
	state, _, err := poor.read(init)
	need("gateway_attack: message_1_needs_no_psk", err == nil)
	reply, _ := poor.reply(state, init, suiteChaCha)
	c.datagram(gatewayPort, reply)
	check("gateway_attack: wrong_psk_is_met_with_silence", len(c.datagrams) == 0)

	state, _, _ = w.read(init)
	reply, _ = w.reply(state, init, suiteAES)
	c.datagram(gatewayPort, reply)
	check("gateway_attack: suite_that_was_not_offered_is_met_with_silence", len(c.datagrams) == 0)

	c.run(1000)
	init = c.find(birthInit)
	need("gateway_attack: client_tries_again", init != nil)
	state, _, _ = w.read(init)
	reply, s := w.reply(state, init, suiteChaCha)
	silent := true
	for i := range reply {
		reply[i] ^= 1
		c.datagram(gatewayPort, reply)
		if len(c.datagrams) > 0 {
			fmt.Printf("# byte %d\n", i)
			silent = false
		}
		reply[i] ^= 1
	}
	check("gateway_attack: changed_message_2_is_met_with_silence", silent)
	c.datagram(gatewayPort+1, reply)
	check("gateway_attack: message_2_from_elsewhere_is_met_with_silence", len(c.datagrams) == 0)
	c.datagram(gatewayPort, reply)
	text, ok := s.open(c.find(traffic))
	check("gateway_attack: the_right_message_2_is_still_taken", ok && frameIn(text, frameConfirm) != nil)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peer INTEROP_CORE PROTOCOL_MD")
		os.Exit(2)
	}
	program, document = os.Args[1], os.Args[2]
	policy := policyFromDocument(document, "mobile")
	asClient(policy, 1<<suiteChaCha, suiteChaCha)
	asClient(policy, 1<<suiteChaCha|1<<suiteAES, suiteAES)
	clientWithCookie(policy)
	clientAttacks()
	asGateway(false, suiteChaCha)
	asGateway(true, suiteAES)
	gatewayAttacks()
	fmt.Printf("1..%d\n", cases)
	if failures > 0 {
		os.Exit(1)
	}
}
