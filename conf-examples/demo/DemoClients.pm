package DemoClients;

# WebSocket clients that count the records they get: one per stream, all in
# one process.  They come back after a reload with the cursor that the Close
# frame carries.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

use constant RETRY => 0.2;		# seconds, after a connection was lost
use constant { TEXT => 1, CLOSE => 8, PING => 9, PONG => 10 };

sub new {
	my ($class, $port, @uris) = @_;
	my @clients = map { { uri => $_, records => 0, buf => '' } } @uris;

	return bless { port => $port, clients => \@clients }, $class;
}

# reads what comes within so many seconds, at most once per client
sub turn {
	my ($self, $seconds) = @_;

	connect_again($self->{port}, $_)
		for grep { !$_->{socket} && time() >= ($_->{retry} // 0) }
			@{ $self->{clients} };

	my %by_fd = map { fileno($_->{socket}) => $_ }
		grep { $_->{socket} } @{ $self->{clients} };

	return sleep($seconds > 0.1 ? 0.1 : $seconds) unless %by_fd;

	my $select = IO::Select->new(map { $_->{socket} } values %by_fd);

	for my $socket ($select->can_read($seconds)) {
		receive($by_fd{ fileno $socket });
	}
}

# returns: all records, and how many clients got any
sub totals {
	my ($self) = @_;
	my $records = 0;

	$records += $_->{records} for @{ $self->{clients} };

	return ($records,
		scalar grep { $_->{records} } @{ $self->{clients} });
}

sub connect_again {
	my ($port, $client) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $port, Timeout => 2) or return;
	my $key = encode_base64(join('', map { chr rand 256 } 1 .. 16), '');
	my $uri = $client->{uri};

	$uri .= "?cursor=$client->{cursor}" if $client->{cursor};

	print $socket "GET $uri HTTP/1.1\r\n",
		"Host: 127.0.0.1:$port\r\n",
		"Upgrade: websocket\r\n",
		"Connection: Upgrade\r\n",
		"Sec-WebSocket-Key: $key\r\n",
		"Sec-WebSocket-Version: 13\r\n",
		"Sec-WebSocket-Protocol: kafka.json.v1\r\n\r\n";

	@$client{qw(socket buf upgraded)} = ($socket, '', 0);
}

sub receive {
	my ($client) = @_;
	my $n = sysread $client->{socket}, $client->{buf}, 65536,
		length $client->{buf};

	return leave($client) unless $n;

	if (!$client->{upgraded}) {
		return unless $client->{buf} =~ s/^(.*?\r\n)\r\n//s;
		return leave($client) unless $1 =~ m!^HTTP/1\.1 101 !;
		$client->{upgraded} = 1;
	}

	while ($client->{socket} && defined(my $frame = frame($client))) {
		my ($opcode, $payload) = @$frame;

		if ($opcode == TEXT) {
			$client->{records}++ unless $payload =~ /^\{"event":/;

		} elsif ($opcode == PING) {
			answer($client, PONG, $payload);

		} elsif ($opcode == CLOSE) {
			my $reason = substr $payload, length $payload ? 2 : 0;

			$client->{cursor} = $reason
				if $reason =~ /^\d+:\d+(?:,\d+:\d+)*$/;
			answer($client, CLOSE, substr $payload, 0, 2);
			leave($client);
		}
	}
}

# returns: [opcode, payload] of the next whole frame, or nothing
sub frame {
	my ($client) = @_;
	my $buf = \$client->{buf};

	return if length $$buf < 2;

	my ($first, $len) = unpack 'CC', $$buf;
	my $head = $len == 127 ? 10 : $len == 126 ? 4 : 2;

	return if length $$buf < $head;

	$len = unpack "\@2 n", $$buf if $head == 4;
	$len = unpack "\@2 Q>", $$buf if $head == 10;

	return if length $$buf < $head + $len;

	my $payload = substr $$buf, $head, $len;

	substr $$buf, 0, $head + $len, '';

	return [ $first & 15, $payload ];
}

# masked with zeros: the bytes are no secret
sub answer {
	my ($client, $opcode, $payload) = @_;

	syswrite $client->{socket},
		pack('CCN', 0x80 | $opcode, 0x80 | length $payload, 0)
		. $payload;
}

sub leave {
	my ($client) = @_;

	close $client->{socket};
	$client->{socket} = undef;
	$client->{retry} = time() + RETRY;
}

1;
