package KafkaWS::WebSocket;

# The connection under KafkaWS::Client: handshake, frames, bytes.  Whatever
# RFC 6455 forbids a server dies here.

use warnings;
use strict;

use Compress::Raw::Zlib ();
use Digest::SHA qw(sha1_base64);
use Encode ();
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF IPPROTO_TCP TCP_NODELAY);
use Time::HiRes ();

use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(now);
use KafkaWS::Response;

use constant {
	CONTINUATION => 0, TEXT => 1, BINARY => 2,
	CLOSE => 8, PING => 9, PONG => 10,
	GUID => '258EAFA5-E914-47DA-95CA-C5AB0DC85B11',
};

# opt: headers => [name, value, ...], subprotocol (a string, or a list),
# origin, host, address (127.0.0.1), local (source address), key, version,
# method, http, body, early (bytes sent with the request), raw (the whole
# request), rcvbuf, timeout (10), auto_pong, auto_close (both 1), format
# (json; what an answer without subprotocol carries), extensions (the offer;
# a permessage-deflate that is agreed on is undone)
sub connect {
	my ($class, $port, $uri, %o) = @_;
	my $self = bless { auto_pong => 1, auto_close => 1, timeout => 10,
		uri => $uri, buf => '', inbox => [], pongs => [], pings => 0,
		position => {}, arrived => {}, %o }, $class;

	$self->{sock} = IO::Socket::INET->new(Proto => 'tcp',
		PeerAddr => $o{address} // '127.0.0.1', PeerPort => $port,
		LocalAddr => $o{local} // '0.0.0.0',
		Timeout => within($self->{timeout}))
		or die "connect to port $port: $!\n";

	$self->{sock}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
	$self->{sock}->setsockopt(SOL_SOCKET, SO_RCVBUF, $o{rcvbuf})
		if $o{rcvbuf};

	$self->{select} = IO::Select->new($self->{sock});
	$self->raw_write($o{raw} // $self->request());
	$self->raw_write($o{early}) if defined $o{early};

	return $self->handshake();
}

# as connect, but dies unless the answer is 101
sub open {
	my ($class, $port, $uri, %opt) = @_;
	my $deadline = now() + within($opt{ready} // 10);
	my $self;

	while (1) {
		$self = $class->connect($port, $uri, %opt);

		return $self if $self->status == 101;

		last if $self->status != 503 || now() > $deadline;

		select undef, undef, undef, $opt{pause} // 0.05;
	}

	die "$uri: refused with " . $self->status . ': ' . $self->body . "\n";
}

sub request {
	my ($self) = @_;
	my @headers = @{ $self->{headers} // [] };
	my @offer = offer($self->{subprotocol});

	$self->{key} //= encode_base64(join('', map { chr rand 256 } 1 .. 16),
		'');

	my $text = ($self->{method} // 'GET') . " $self->{uri} "
		. ($self->{http} // 'HTTP/1.1') . "\x0d\x0a"
		. 'Host: ' . ($self->{host} // 'localhost') . "\x0d\x0a"
		. "Upgrade: websocket\x0d\x0aConnection: Upgrade\x0d\x0a"
		. "Sec-WebSocket-Key: $self->{key}\x0d\x0a"
		. 'Sec-WebSocket-Version: ' . ($self->{version} // 13)
		. "\x0d\x0a";

	$text .= "Sec-WebSocket-Extensions: $self->{extensions}\x0d\x0a"
		if defined $self->{extensions};
	$text .= "Origin: $self->{origin}\x0d\x0a" if defined $self->{origin};
	$text .= 'Sec-WebSocket-Protocol: ' . join(', ', @offer) . "\x0d\x0a"
		if @offer;

	while (my ($name, $value) = splice @headers, 0, 2) {
		$text .= "$name: $value\x0d\x0a";
	}

	return "$text\x0d\x0a" . ($self->{body} // '');
}

sub offer {
	my ($offer) = @_;

	return ref $offer ? @$offer : split /\s*,\s*/, $offer // '';
}

sub handshake {
	my ($self) = @_;
	my $deadline = now() + within($self->{timeout});

	my $end;

	while (($end = index $self->{buf}, "\x0d\x0a\x0d\x0a") < 0) {
		$self->fill($deadline - now())
			or die "no answer to the handshake: \"$self->{buf}\"\n";
	}

	my $head = substr $self->{buf}, 0, $end + 4;
	my $r = KafkaWS::Response->parse($head);

	return $self->refusal($deadline) if $r->status != 101;

	$self->{buf} = substr $self->{buf}, length $head;
	$self->{response} = $r;
	$self->check_handshake($r);

	return $self;
}

sub refusal {
	my ($self, $deadline) = @_;

	while (1) {
		my ($head, $body) = split /\x0d\x0a\x0d\x0a/, $self->{buf}, 2;

		last if $head =~ /^Content-Length:\s*(\d+)/mi
			&& length $body >= $1;
		last unless $self->fill($deadline - now());
	}

	return KafkaWS::Response->parse($self->{buf});
}

sub check_handshake {
	my ($self, $r) = @_;
	my %once;

	for my $name (qw(Upgrade Connection Sec-WebSocket-Accept)) {
		my @values = $r->header($name);

		die "101 with " . @values . " $name headers\n" if @values != 1;
		$once{$name} = $values[0];
	}

	die "101 with Upgrade: $once{Upgrade}\n"
		unless lc $once{Upgrade} eq 'websocket';
	die "101 with Connection: $once{Connection}\n"
		unless lc $once{Connection} eq 'upgrade';

	die "101 with a wrong Sec-WebSocket-Accept\n"
		if defined $self->{key} && $once{'Sec-WebSocket-Accept'}
			ne sha1_base64($self->{key} . GUID) . '=';

	for my $name (qw(Content-Length Transfer-Encoding Content-Type
		Content-Encoding))
	{
		die "101 with $name\n" if defined $r->header($name);
	}

	my @extensions = $r->header('Sec-WebSocket-Extensions');

	die "101 with extensions @extensions\n" if @extensions > 1
		|| @extensions && !defined $self->{extensions};

	$self->{extension} = $extensions[0];

	my @agreed = $r->header('Sec-WebSocket-Protocol');
	my %offered = map { $_ => 1 } offer($self->{subprotocol});

	die "101 with subprotocol @agreed\n"
		if @agreed > 1 || !defined $self->{raw}
			&& grep { !$offered{$_} } @agreed;

	$self->{protocol} = $agreed[0];
	$self->{format} //= 'json';
	$self->{format} = $1 if ($agreed[0] // '') =~ /^kafka\.(\w+)\.v1$/;
}

sub status { return 101 }

sub response { return $_[0]->{response} }

# the extension with its parameters, as the server wrote it, or undef
sub extension { return $_[0]->{extension} }

# the subprotocol the server chose, if any
sub protocol { return $_[0]->{protocol} }

# Reads what is there. returns: false when time is up or at the end
sub fill {
	my ($self, $seconds) = @_;

	return 0 if $self->{eof} || $seconds < 0;
	return 0 unless $self->{select}->can_read($seconds);

	my $n = sysread $self->{sock}, $self->{buf}, 262144,
		length $self->{buf};

	return 1 if $n || !defined $n && $!{EINTR};

	$self->{eof} = defined $n ? 'fin' : 'rst';

	return 0;
}

# returns: the next frame of any kind, { opcode, payload }, or nothing
sub read_frame {
	my ($self, $seconds) = @_;
	my $deadline = now() + ($seconds // $self->{timeout});
	my $frame;

	until ($frame = $self->parse_frame()) {
		$self->fill($deadline - now()) or return;
	}

	$self->check_frame($frame);

	if ($frame->{opcode} == PING) {
		$self->{pings}++;
		$self->send_frame(PONG, $frame->{payload})
			if $self->{auto_pong};

	} elsif ($frame->{opcode} == PONG) {
		push @{ $self->{pongs} }, $frame->{payload};

	} elsif ($frame->{opcode} == CLOSE) {
		my ($code, $reason) = length $frame->{payload}
			? unpack('n a*', $frame->{payload}) : ();

		$self->{close} = [$code // 1005, $reason // ''];
		$self->send_frame(CLOSE, substr $frame->{payload}, 0, 2)
			if $self->{auto_close} && !$self->{close_sent};
	}

	return $frame;
}

sub parse_frame {
	my ($self) = @_;
	my $have = length $self->{buf};

	return if $have < 2;

	my ($first, $second) = unpack 'C2', $self->{buf};
	my $len = $second & 0x7f;
	my $head = 2;

	if ($len == 126) {
		$head = 4;
		return if $have < $head;
		$len = unpack 'x2 n', $self->{buf};
		die "frame: length $len in 16 bits\n" if $len < 126;

	} elsif ($len == 127) {
		$head = 10;
		return if $have < $head;
		$len = unpack 'x2 Q>', $self->{buf};
		die "frame: length $len in 64 bits\n" if $len < 65536;
	}

	die "frame: masked by the server\n" if $second & 0x80;
	return if $have < $head + $len;

	my $payload = substr $self->{buf}, $head, $len;
	substr $self->{buf}, 0, $head + $len, '';

	return { fin => $first >> 7, rsv => $first >> 4 & 7,
		opcode => $first & 0x0f, payload => $payload,
		at => Time::HiRes::time() };
}

sub check_frame {
	my ($self, $frame) = @_;
	my $op = $frame->{opcode};
	my $len = length $frame->{payload};

	if ($frame->{rsv} == 4 && defined $self->{extension}
		&& ($op == TEXT || $op == BINARY))
	{
		$frame->{deflated} = $frame->{payload};
		$frame->{payload} = inflate($frame->{payload});
		$frame->{compressed} = $len;

	} elsif ($frame->{rsv}) {
		die "frame: reserved bits $frame->{rsv}\n";
	}

	die "frame: fragmented\n" unless $frame->{fin};
	die "frame: opcode $op\n"
		unless grep { $op == $_ } TEXT, BINARY, CLOSE, PING, PONG;
	die "frame: control frame of $len bytes\n" if $op >= 8 && $len > 125;
	die "frame: opcode $op after the server's Close\n" if $self->{close};
	die "frame: text is not UTF-8\n"
		if $op == TEXT && !is_utf8($frame->{payload});

	if ($op == CLOSE && $len) {
		my ($code, $reason) = unpack 'n a*', $frame->{payload};

		die "close: body of one byte\n" if $len == 1;
		die "close: code $code\n" unless $code =~
			/^(?:100[0-3]|100[7-9]|101[0-4]|[34]\d\d\d)$/;
		die "close: reason is not UTF-8\n" unless is_utf8($reason);
	}
}

# RFC 7692, 7.2.2: each message by itself, as the server's answer says
sub inflate {
	my ($bytes) = @_;
	my ($i) = Compress::Raw::Zlib::Inflate->new(
		-WindowBits => -Compress::Raw::Zlib::MAX_WBITS());
	my $in = "$bytes\x00\x00\xff\xff";
	my $status = $i->inflate($in, my $out);

	die "frame: not deflated: $status\n"
		unless $status == Compress::Raw::Zlib::Z_OK() && $in eq '';

	return $out;
}

# RFC 7692, 7.2.1; send it with rsv => 4
sub deflate {
	my ($bytes) = @_;
	my ($d) = Compress::Raw::Zlib::Deflate->new(-AppendOutput => 1,
		-WindowBits => -Compress::Raw::Zlib::MAX_WBITS());
	my $out = '';

	$d->deflate($bytes, $out);
	$d->flush($out, Compress::Raw::Zlib::Z_SYNC_FLUSH());

	return substr $out, 0, -4;
}

sub is_utf8 {
	my ($bytes) = @_;

	return 1 if $bytes !~ /[\x80-\xff]/;
	return eval { Encode::decode('UTF-8', $bytes, Encode::FB_CROAK); 1 };
}

# opt: masked (1), fin (1), rsv (0), mask (4 bytes), length_bytes (0, 2, 8)
sub send_frame {
	my ($self, $opcode, $payload, %o) = @_;

	$self->{close_sent} = 1 if $opcode == CLOSE;

	return $self->raw_write(frame($opcode, $payload, %o));
}

sub frame {
	my ($opcode, $payload, %o) = @_;

	$payload //= '';
	utf8::encode($payload) if utf8::is_utf8($payload);

	my $len = length $payload;
	my $masked = $o{masked} // 1;
	my $form = $o{length_bytes} // ($len < 126 ? 0 : $len < 65536 ? 2 : 8);
	my $bit = $masked ? 0x80 : 0;

	my $frame = pack 'C', ($o{fin} // 1) << 7 | ($o{rsv} // 0) << 4
		| $opcode;

	$frame .= $form == 0 ? pack('C', $bit | $len)
		: $form == 2 ? pack('C n', $bit | 126, $len)
		: pack('C Q>', $bit | 127, $len);

	return $frame . $payload unless $masked;

	my $mask = $o{mask} // join '', map { chr rand 256 } 1 .. 4;

	return $frame . $mask
		. ($payload ^ substr $mask x ($len / 4 + 1), 0, $len);
}

sub send_text { return $_[0]->send_frame(TEXT, $_[1]) }

sub ping { return $_[0]->send_frame(PING, $_[1]) }

sub pong { return $_[0]->send_frame(PONG, $_[1]) }

# sends Close; code undefined: with an empty body
sub close {
	my ($self, $code, $reason) = @_;

	return $self->send_frame(CLOSE, defined $code
		? pack('n', $code) . ($reason // '') : '');
}

# returns: false when the server does not take it any more
sub raw_write {
	my ($self, $data) = @_;
	my $at = 0;

	while ($at < length $data) {
		my $n = syswrite $self->{sock}, $data, length($data) - $at, $at;

		next if !defined $n && $!{EINTR};
		return 0 unless defined $n;
		$at += $n;
	}

	return 1;
}

sub eof { return $_[0]->{eof} }

sub socket { return $_[0]->{sock} }

# no more bytes from us
sub shutdown_write { return shutdown $_[0]->{sock}, 1 }

# drops the connection without a Close
sub disconnect {
	my ($self) = @_;

	CORE::close $self->{sock};
	$self->{eof} //= 'fin';
}

# drops it by RST
sub reset {
	my ($self) = @_;

	$self->{sock}->setsockopt(SOL_SOCKET, SO_LINGER, pack 'll', 1, 0);
	$self->disconnect();
}

1;
