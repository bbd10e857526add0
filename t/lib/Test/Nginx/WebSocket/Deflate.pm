
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Deflate;

# permessage-deflate (RFC 7692) of one connection, as a client that holds the
# server to what was agreed on.

use strict;
use warnings;

use Compress::Raw::Zlib qw( Z_OK Z_SYNC_FLUSH );

# the answer to an offer; dies if it is none
sub new {
    my ($class, $answer, $offer) = @_;
    my ($name, @params) = split /;\s*/, $answer, -1;
    my %got;

    die "extension \"$answer\" was not offered\n"
        unless $name eq 'permessage-deflate'
               && $offer =~ /\bpermessage-deflate\b/i;

    for (@params) {
        my ($side, $what, $value) =
            /\A(server|client)_(no_context_takeover
                               |max_window_bits=([89]|1[0-5]))\z/x
            or die "extension parameter \"$_\" is unknown\n";
        my $key = "$side " . (defined $value ? 'bits' : 'alone');

        die "extension parameter \"$_\" comes twice\n" if exists $got{$key};
        die "client_max_window_bits was not offered\n"
            if $key eq 'client bits' && $offer !~ /client_max_window_bits/i;
        $got{$key} = $value // 1;
    }
    return bless {%got}, $class;
}

# what the server has compressed, or why not
sub inflate {
    my ($self, $bytes) = @_;
    my $out = '';

    undef $self->{inflater} if $self->{'server alone'};
    $self->{inflater} //= Compress::Raw::Zlib::Inflate->new(
        -WindowBits => -($self->{'server bits'} // 15), -AppendOutput => 1);
    $bytes .= "\0\0\xff\xff";
    my $status = $self->{inflater}->inflate($bytes, $out);
    return $status == Z_OK ? ($out) : (undef, "cannot inflate: $status");
}

sub deflate {
    my ($self, $text) = @_;
    my $out = '';

    undef $self->{deflater} if $self->{'client alone'};
    $self->{deflater} //= Compress::Raw::Zlib::Deflate->new(
        -WindowBits => -($self->{'client bits'} // 15), -AppendOutput => 1);
    $self->{deflater}->deflate($text, $out);
    $self->{deflater}->flush($out, Z_SYNC_FLUSH);
    return substr $out, 0, -4;
}

1;
